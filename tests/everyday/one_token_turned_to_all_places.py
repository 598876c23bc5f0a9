"""A decoder with rotary positions and its own cache."""

import torch
import torch.nn.functional as F
from torch import nn


class Rope:
    def __init__(self, dim, base=10000.0):
        self.freq = base ** (-torch.arange(0, dim, 2) / dim)

    def __call__(self, length):
        angles = torch.outer(torch.arange(length), self.freq).repeat(1, 2)
        return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm = nn.RMSNorm(width)

    def forward(self, x, rope, kv=None):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, *rope), rotate(k, *rope)
        if kv is not None:
            k, v = torch.cat([kv[0], k], dim=2), torch.cat([kv[1], v], dim=2)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=kv is None)
        return x + self.proj(out.transpose(1, 2).reshape(b, t, d)), (k, v)


class Decoder(nn.Module):
    def __init__(self, vocab=64, width=32, heads=4, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(depth))
        self.rope = Rope(width // heads)
        self.out = nn.Linear(width, vocab, bias=False)

    def forward(self, ids, cache=None):
        x = self.embed(ids)
        past = cache[0][0].size(2) if cache else 0
        cos, sin = self.rope(past + x.size(1))
        new = []
        for i, layer in enumerate(self.layers):
            x, kv = layer(x, (cos, sin), cache[i] if cache else None)
            new.append(kv)
        return self.out(x[:, -1]), new


@torch.no_grad()
def generate(model, ids, n):
    logits, cache = model(ids)
    for _ in range(n):
        token = logits.argmax(-1, keepdim=True)
        yield token.flatten().tolist()
        logits, cache = model(token, cache)


torch.manual_seed(0)
for row in generate(Decoder().eval(), torch.tensor([[5, 6, 7, 8, 9], [1, 2, 3, 4, 5]]), n=4):
    print(row)
