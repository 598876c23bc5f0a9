"""GRPO on picture questions: sample answers, score them, take a policy step on prompt plus answer."""
import torch
from transformers import CLIPVisionConfig, GenerationConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

BOS, EOS, PAD, IMAGE = 1, 2, 0, 3
VOCAB, PATCHES = 40, 16


def load_policy():
    torch.manual_seed(3)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=VOCAB, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
    )
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE, image_seq_length=PATCHES
    ))


def questions(count, seed=5):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(count):
        words = torch.randint(4, VOCAB, (7,), generator=gen).tolist()
        yield torch.tensor([[BOS] + [IMAGE] * PATCHES + words]), torch.rand(1, 3, 32, 32, generator=gen), words[0]


class GRPO:
    def __init__(self, policy, num_generations=4, max_completion_length=8):
        self.policy = policy
        self.num_generations = num_generations
        self.generation_config = GenerationConfig(
            max_new_tokens=max_completion_length, do_sample=True, temperature=1.0, top_k=0, pad_token_id=PAD,
            eos_token_id=EOS,
        )
        self.optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4)

    def per_token_logps(self, ids, mask, pixel_values, keep):
        logits = self.policy(input_ids=ids, attention_mask=mask, pixel_values=pixel_values).logits[:, :-1]
        logps = logits.log_softmax(-1).gather(2, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
        return logps[:, -keep:]

    def step(self, prompt, image, wanted):
        prompts = prompt.repeat(self.num_generations, 1)
        images = image.repeat(self.num_generations, 1, 1, 1)
        full = self.policy.generate(
            input_ids=prompts, pixel_values=images, attention_mask=torch.ones_like(prompts),
            generation_config=self.generation_config,
        )
        completion = full[:, prompts.size(1):]
        completion_mask = (completion != PAD).long()
        rewards = (completion == wanted).any(1).float() + completion_mask.float().mean(1)
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
        mask = torch.cat([torch.ones_like(prompts), completion_mask], dim=1)
        logps = self.per_token_logps(full, mask, images, completion.size(1))
        loss = -(logps * completion_mask * advantages.unsqueeze(1)).sum() / completion_mask.sum()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item(), rewards.mean().item()


if __name__ == "__main__":
    trainer = GRPO(load_policy())
    for i, sample in enumerate(questions(5)):
        loss, reward = trainer.step(*sample)
        print(f"step {i} loss {loss:+.4f} reward {reward:.2f}")
