"""Reuse the keys and values of a long instruction, then append each question to it."""
import copy

import torch
from torch import nn
from torch.nn import functional as F


class KVCache:
    """Buffers that grow in blocks, so that most updates need no new memory."""

    def __init__(self, head_dim, n_kv_heads, step=16):
        self.head_dim, self.n_kv_heads, self.step = head_dim, n_kv_heads, step
        self.keys = self.values = None
        self.offset = 0

    def update_and_fetch(self, keys, values):
        prev = self.offset
        if prev % self.step == 0:
            blocks = (self.step + keys.size(2) - 1) // self.step
            extra = keys.new_zeros(keys.size(0), self.n_kv_heads, blocks * self.step, self.head_dim)
            self.keys = extra.clone() if self.keys is None else torch.cat([self.keys, extra], dim=2)
            self.values = extra.clone() if self.values is None else torch.cat([self.values, extra], dim=2)
        self.offset += keys.size(2)
        self.keys[:, :, prev:self.offset] = keys
        self.values[:, :, prev:self.offset] = values
        return self.keys[:, :, :self.offset], self.values[:, :, :self.offset]


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, cache):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, dim=-1))
        k, v = cache.update_and_fetch(k, v)
        mask = torch.ones(q.size(2), k.size(2), dtype=torch.bool).tril(k.size(2) - q.size(2))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return x + self.proj(out.transpose(1, 2).flatten(2))


class LM(nn.Module):
    def __init__(self, vocab=50, width=32, heads=4, depth=2, positions=256):
        super().__init__()
        self.embed, self.pos = nn.Embedding(vocab, width), nn.Embedding(positions, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, vocab)
        self.head_dim, self.n_kv_heads = width // heads, heads

    def make_cache(self):
        return [KVCache(self.head_dim, self.n_kv_heads) for _ in self.blocks]

    def forward(self, ids, cache):
        start = cache[0].offset
        x = self.embed(ids) + self.pos(torch.arange(start, start + ids.size(1)))
        for block, c in zip(self.blocks, cache):
            x = block(x, c)
        return self.head(x)


@torch.no_grad()
def answer(model, cache, question, tokens):
    logits = model(question, cache)
    out = []
    for _ in range(tokens):
        out.append(logits[:, -1].argmax(-1, keepdim=True))
        logits = model(out[-1], cache)
    return torch.cat(out, dim=1)[0].tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = LM().eval()
    instruction = model.make_cache()
    with torch.no_grad():
        model(torch.randint(50, (1, 22)), instruction)
    for size in (4, 9, 13):
        question = torch.randint(50, (1, size))
        print(size, "->", answer(model, copy.deepcopy(instruction), question, tokens=6))
