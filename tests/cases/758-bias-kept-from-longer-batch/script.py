"""Encoder with a linear distance bias, trained for a moment on batches of different length."""
import torch
from torch import nn


class DistanceBias(nn.Module):
    def __init__(self, heads):
        super().__init__()
        slopes = torch.tensor([2.0 ** (-8.0 * (h + 1) / heads) for h in range(heads)])
        self.register_buffer("slopes", slopes.view(heads, 1, 1), persistent=False)
        self.register_buffer("bias", None, persistent=False)

    def forward(self, i, j):
        if self.bias is not None and self.bias.size(-1) >= j:
            return self.bias[..., :j]
        distance = (torch.arange(i)[:, None] - torch.arange(j)[None, :]).abs()
        self.bias = -self.slopes * distance
        return self.bias


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, width * 3, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, x, rel_pos):
        b, n, _ = x.shape
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.to_qkv(x).chunk(3, dim=-1))
        dots = q @ k.mT * q.size(-1) ** -0.5
        dots = dots + rel_pos(*dots.shape[-2:])
        return self.to_out((dots.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    def __init__(self, vocab=32, width=32, heads=4, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.rel_pos = DistanceBias(heads)
        self.layers = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.classify = nn.Linear(width, vocab)

    def forward(self, ids):
        x = self.embed(ids)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x), self.rel_pos)
        return self.classify(x)


def batches(lengths, rows=3):
    for length in lengths:
        ids = torch.randint(0, 32, (rows, length))
        yield ids, ids.flip(1)


torch.manual_seed(0)
model = Encoder()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step, (ids, target) in enumerate(batches([10, 14, 14, 11, 14])):
    loss = nn.functional.cross_entropy(model(ids).flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} length {ids.size(1):>2} loss {loss.item():.3f}")
