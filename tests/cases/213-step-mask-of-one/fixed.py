"""Greedy decoding of a left-padded batch with GPT-2, with and without a key/value cache."""
import torch
from transformers import GPT2Config, GPT2LMHeadModel

PAD = 0


def make_model():
    torch.manual_seed(1)
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=50, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4,
        bos_token_id=1, eos_token_id=1, pad_token_id=PAD,
    )).eval()


def left_pad(prompts):
    width = max(len(p) for p in prompts)
    ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
    return {"ids": ids, "mask": (ids != PAD).long()}


def positions(mask):
    return (mask.cumsum(-1) - 1).clamp(min=0)


@torch.no_grad()
def decode(model, batch, steps):
    ids = batch["ids"]
    mask = batch["mask"]
    for _ in range(steps):
        logits = model(ids, attention_mask=mask, position_ids=positions(mask), use_cache=False).logits
        token = logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, token], dim=1)
        mask = torch.cat([mask, torch.ones_like(token)], dim=1)
    return ids[:, -steps:]


@torch.no_grad()
def decode_cached(model, batch, steps):
    mask, past = batch["mask"], None
    out, token = [], None
    place = positions(mask)
    for i in range(steps):
        if i == 0:
            step = model(batch["ids"], attention_mask=mask, position_ids=place, use_cache=True)
        else:
            mask = torch.cat([mask, torch.ones_like(token)], dim=1)
            step = model(token, attention_mask=mask, position_ids=place, past_key_values=past)
        past = step.past_key_values
        token = step.logits[:, -1].argmax(-1, keepdim=True)
        place = place[:, -1:] + 1
        out.append(token)
    return torch.cat(out, dim=1)


if __name__ == "__main__":
    model = make_model()
    batch = left_pad([[7, 21, 9, 33, 4, 18], [40, 12, 5], [8, 8, 30, 41]])
    plain, cached = decode(model, batch, 8), decode_cached(model, batch, 8)
    for a, b in zip(plain.tolist(), cached.tolist()):
        print("plain", a, "cached", b)
