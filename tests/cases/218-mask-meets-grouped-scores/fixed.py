"""Gemma-style grouped attention over padded rows, with soft-capped scores."""
import math

import torch
from torch import nn


class GroupedAttention(nn.Module):
    def __init__(self, width, heads, kv_heads, cap=30.0):
        super().__init__()
        self.kv_heads, self.groups, self.cap = kv_heads, heads // kv_heads, cap
        self.head_dim = width // heads
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.v = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x, mask):
        batch, length, _ = x.shape
        q = self.q(x).view(batch, length, self.kv_heads, self.groups, self.head_dim).permute(0, 2, 3, 1, 4)
        k = self.k(x).view(batch, length, self.kv_heads, 1, self.head_dim).permute(0, 2, 3, 1, 4)
        v = self.v(x).view(batch, length, self.kv_heads, 1, self.head_dim).permute(0, 2, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim)
        scores = torch.tanh(scores / self.cap) * self.cap
        scores = scores.masked_fill(~mask.unsqueeze(2), torch.finfo(scores.dtype).min)
        mixed = scores.softmax(-1) @ v
        return self.out(mixed.permute(0, 3, 1, 2, 4).reshape(batch, length, -1))


def visible(lengths, width):
    """Causal and not padding; rows are padded on the left."""
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    real = torch.arange(width) >= (width - torch.tensor(lengths)).unsqueeze(1)
    keep = causal & real.unsqueeze(1)
    return keep.unsqueeze(1)


class Encoder(nn.Module):
    def __init__(self, vocab=40, width=32, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(GroupedAttention(width, heads=4, kv_heads=2) for _ in range(depth))

    def forward(self, rows):
        lengths = [len(r) for r in rows]
        width = max(lengths)
        ids = torch.tensor([[0] * (width - len(r)) + r for r in rows])
        hidden = self.embed(ids)
        mask = visible(lengths, width)
        for layer in self.layers:
            hidden = hidden + layer(hidden, mask)
        return hidden[:, -1]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Encoder().eval()
    long, short = [3, 9, 27, 14, 5, 31, 8], [12, 6, 30]
    with torch.no_grad():
        pair = model([long, short])
        for name, row, ids in (("long", 0, long), ("short", 1, short)):
            alone = model([ids])[0]
            print(f"{name:<5} in pair {pair[row].norm():.4f} alone {alone.norm():.4f}")
