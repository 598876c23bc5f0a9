"""Continuous batching: requests are prefilled one by one and then join the running batch."""
from dataclasses import dataclass

import torch
from torch.nn import functional as F
from transformers import DynamicCache, OPTConfig, OPTForCausalLM


@dataclass
class Running:
    mask: torch.Tensor
    last: torch.Tensor
    pairs: list

    @property
    def length(self):
        return self.mask.size(1)


def make_model():
    torch.manual_seed(0)
    return OPTForCausalLM(OPTConfig(
        vocab_size=80, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=32,
        max_position_embeddings=128, init_std=0.4, pad_token_id=1, bos_token_id=2, eos_token_id=2,
    )).eval()


@torch.no_grad()
def prefill(model, prompt):
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids)
    out = model(ids, attention_mask=mask, use_cache=True)
    pairs = [(layer.keys, layer.values) for layer in out.past_key_values.layers]
    return Running(mask, out.logits[:, -1].argmax(-1, keepdim=True), pairs)


def concatenate(batches):
    width = max(b.length for b in batches)
    masks, lasts = [], []
    depth = len(batches[0].pairs)
    keys, values = [[] for _ in range(depth)], [[] for _ in range(depth)]
    for b in batches:
        missing = width - b.length
        masks.append(F.pad(b.mask, (missing, 0)))
        lasts.append(b.last)
        for i, (k, v) in enumerate(b.pairs):
            keys[i].append(F.pad(k, (missing, 0)))
            values[i].append(F.pad(v, (0, 0, missing, 0)))
    pairs = [(torch.cat(k), torch.cat(v)) for k, v in zip(keys, values)]
    return Running(torch.cat(masks), torch.cat(lasts), pairs)


@torch.no_grad()
def decode(model, batch, steps):
    cache, mask, tokens = DynamicCache(batch.pairs), batch.mask, [batch.last]
    for _ in range(steps):
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        logits = model(tokens[-1], attention_mask=mask, past_key_values=cache).logits
        tokens.append(logits[:, -1].argmax(-1, keepdim=True))
    return torch.cat(tokens, dim=1).tolist()


if __name__ == "__main__":
    model = make_model()
    prompts = [[2, 14, 60, 33, 8], [2, 71, 5, 5, 19, 40, 22, 63, 11]]
    batch = concatenate([prefill(model, p) for p in prompts])
    for prompt, answer in zip(prompts, decode(model, batch, steps=5)):
        print(len(prompt), answer)
