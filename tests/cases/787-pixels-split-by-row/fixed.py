"""Log-probabilities of picture prompts, computed in micro-batches as a policy update does it."""
from dataclasses import dataclass

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

PAD, IMAGE_ID, VOCAB = 0, 4, 60
SIDE, PATCH = 24, 8
PER_IMAGE = (SIDE // PATCH) ** 2


@dataclass
class Rollout:
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    pixel_values: torch.Tensor


def make_actor():
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=SIDE, patch_size=PATCH
    )
    text = LlamaConfig(
        vocab_size=VOCAB, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, pad_token_id=PAD, bos_token_id=1, eos_token_id=2,
    )
    return LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE_ID, image_seq_length=PER_IMAGE)
    ).eval()


def make_rollout(images_per_row):
    rows = []
    for n in images_per_row:
        words = torch.randint(5, VOCAB, (6,)).tolist()
        rows.append([1] + [IMAGE_ID] * PER_IMAGE * n + words)
    width = max(len(r) for r in rows)
    ids = torch.tensor([[PAD] * (width - len(r)) + r for r in rows])
    return Rollout(ids, (ids != PAD).long(), torch.randn(sum(images_per_row), 3, SIDE, SIDE))


@torch.no_grad()
def log_probs(actor, rollout, micro_batch):
    ids = rollout.input_ids.split(micro_batch)
    masks = rollout.attention_mask.split(micro_batch)
    pixels = rollout.pixel_values.split([int((i == IMAGE_ID).sum()) // PER_IMAGE for i in ids])
    collected = []
    for i, m, p in zip(ids, masks, pixels):
        logits = actor(input_ids=i, attention_mask=m, pixel_values=p).logits[:, :-1]
        chosen = logits.log_softmax(-1).gather(2, i[:, 1:, None]).squeeze(2)
        collected.append((chosen * m[:, 1:]).sum(1))
    return torch.cat(collected)


def main():
    torch.manual_seed(0)
    actor = make_actor()
    for images_per_row in ([1, 1, 1, 1], [1, 1, 1, 2]):
        rollout = make_rollout(images_per_row)
        values = log_probs(actor, rollout, micro_batch=2)
        print("images", images_per_row, "log p", [round(v, 2) for v in values.tolist()])


if __name__ == "__main__":
    main()
