"""Policy-gradient updates of a small vision-language policy with gradient accumulation."""
from dataclasses import dataclass

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

IMAGE_ID, PAD_ID, PATCHES = 4, 0, (32 // 8) ** 2


@dataclass
class UpdateArgs:
    per_device_batch: int = 4
    gradient_accumulation_steps: int = 2
    learning_rate: float = 1e-3


def make_policy():
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=70, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, pad_token_id=PAD_ID, bos_token_id=1, eos_token_id=2,
    )
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE_ID, image_seq_length=PATCHES
    ))


def rollout(rows, answer=6, question=5):
    head = torch.full((rows, PATCHES), IMAGE_ID)
    body = torch.randint(5, 70, (rows, question + answer))
    ids = torch.cat([torch.ones(rows, 1, dtype=torch.long), head, body], dim=1)
    action_mask = torch.zeros_like(ids)
    action_mask[:, -answer:] = 1
    return {
        "input_ids": ids, "attention_mask": torch.ones_like(ids), "action_mask": action_mask,
        "advantages": torch.randn(rows), "pixel_values": torch.randn(rows, 3, 32, 32),
    }


TEXT_KEYS = ("input_ids", "attention_mask", "action_mask", "advantages")


def micro_batches(batch, steps):
    size = batch["input_ids"].size(0) // steps
    for start in range(0, size * steps, size):
        part = dict(batch)
        part.update({k: batch[k][start:start + size] for k in TEXT_KEYS})
        yield part


def policy_loss(model, part):
    mask = part["action_mask"][:, 1:]
    out = model(
        input_ids=part["input_ids"], attention_mask=part["attention_mask"], pixel_values=part["pixel_values"]
    )
    logp = out.logits[:, :-1].log_softmax(-1).gather(-1, part["input_ids"][:, 1:, None]).squeeze(-1)
    return -(logp * mask).sum(1).div(mask.sum(1)).mul(part["advantages"]).mean()


if __name__ == "__main__":
    torch.manual_seed(0)
    args = UpdateArgs()
    policy = make_policy()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=args.learning_rate)
    for step in range(2):
        batch = rollout(args.per_device_batch)
        for part in micro_batches(batch, args.gradient_accumulation_steps):
            loss = policy_loss(policy, part) / args.gradient_accumulation_steps
            loss.backward()
        optimizer.step(), optimizer.zero_grad()
        print(f"update {step} last loss {loss.item():.4f}")
