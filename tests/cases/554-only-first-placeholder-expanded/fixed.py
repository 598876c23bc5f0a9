"""Collate conversations with pictures: every placeholder becomes as many tokens as its picture has patches."""
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

PAD, BOS, EOS, IMAGE = 0, 1, 2, 3
SIDE, PATCH = 28, 7

CONVERSATIONS = [
    {"tokens": [BOS, IMAGE, 14, 15, 16, EOS], "images": 1},
    {"tokens": [BOS, IMAGE, 22, 23, EOS], "images": 1},
    {"tokens": [BOS, 30, IMAGE, 31, 32, EOS], "images": 1},
    {"tokens": [BOS, IMAGE, 40, 41, EOS, IMAGE, 42, 43, 44, EOS], "images": 2},
]


def make_model():
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=SIDE,
        patch_size=PATCH,
    )
    text = LlamaConfig(
        vocab_size=64, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
    )
    return LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, image_seq_length=16)
    )


def expand_image_tokens(input_ids, grids):
    """Replace the single placeholder by one token for each patch of its picture."""
    positions = (input_ids == IMAGE).nonzero().flatten()
    if positions.numel() == 0:
        return input_ids
    repeats = torch.ones_like(input_ids)
    repeats[positions] = grids.prod(dim=1)
    return input_ids.repeat_interleave(repeats)


def load_images(sample, gen):
    pixels = torch.randn(sample["images"], 3, SIDE, SIDE, generator=gen)
    grids = torch.tensor([[SIDE // PATCH, SIDE // PATCH]]).repeat(sample["images"], 1)
    return pixels, grids


def collate(samples, gen):
    rows, pictures = [], []
    for sample in samples:
        pixels, grids = load_images(sample, gen)
        rows.append(expand_image_tokens(torch.tensor(sample["tokens"]), grids))
        pictures.append(pixels)
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    labels = ids.masked_fill((ids == PAD) | (ids == IMAGE), -100)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": labels,
            "pixel_values": torch.cat(pictures)}


def main():
    model, gen = make_model(), torch.Generator().manual_seed(1)
    for start in range(0, len(CONVERSATIONS), 2):
        batch = collate(CONVERSATIONS[start:start + 2], gen)
        loss = model(**batch).loss
        print("batch", tuple(batch["input_ids"].shape), "loss %.3f" % loss.item())


if __name__ == "__main__":
    main()
