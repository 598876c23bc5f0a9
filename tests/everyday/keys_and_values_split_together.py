"""Grouped-query attention with its own cache, decoding a few tokens."""

import math

import torch
import torch.nn as nn


class LayerCache:
    def __init__(self):
        self.k = self.v = None

    def update(self, k, v):
        if self.k is not None:
            k, v = torch.cat([self.k, k], 2), torch.cat([self.v, v], 2)
        self.k, self.v = k, v
        return k, v


class Attention(nn.Module):
    def __init__(self, dim, n_heads, kv_heads):
        super().__init__()
        self.n_heads, self.kv_heads, self.hd = n_heads, kv_heads, dim // n_heads
        self.wq = nn.Linear(dim, dim, bias=False)
        self.wkv = nn.Linear(dim, 2 * kv_heads * self.hd, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)
        self.cache = LayerCache()

    def keys_values(self, x):
        b, t, _ = x.shape
        k, v = self.wkv(x).view(b, t, 2 * self.kv_heads, self.hd).transpose(1, 2).chunk(2, dim=1)
        return self.cache.update(k, v)

    def forward(self, x):
        b, t, d = x.shape
        q = self.wq(x)
        q = q.view(b, t, self.n_heads, self.hd).transpose(1, 2)
        k, v = self.keys_values(x)
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.hd)
        if t > 1:
            scores = scores + torch.full((t, k.size(2)), -1e9).triu(k.size(2) - t + 1)
        y = scores.softmax(-1) @ v
        return self.wo(y.transpose(1, 2).reshape(b, t, d))


class Model(nn.Module):
    def __init__(self, vocab=50, dim=48, layers=2, **heads):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.attn = nn.ModuleList(Attention(dim, **heads) for _ in range(layers))
        self.norm = nn.ModuleList(nn.LayerNorm(dim) for _ in range(layers))

    def forward(self, ids):
        x = self.emb(ids)
        for attn, norm in zip(self.attn, self.norm):
            x = x + attn(norm(x))
        return x @ self.emb.weight.t()


@torch.no_grad()
def generate(model, ids, steps):
    for _ in range(steps):
        ids = model(ids)[:, -1:].argmax(-1)
        yield ids


PRESETS = {"base": dict(n_heads=6, kv_heads=6), "fast": dict(n_heads=6, kv_heads=2)}

torch.manual_seed(0)
for name, heads in PRESETS.items():
    tokens = list(generate(Model(**heads), torch.randint(0, 50, (2, 7)), 4))
    print(name, torch.cat(tokens, 1).tolist())
