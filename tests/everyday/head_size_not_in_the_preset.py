"""A registry of encoder sizes."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class EncoderConfig:
    vocab: int = 120
    dim: int = 128
    depth: int = 2
    heads: int = 4
    head_dim: int = 32
    ff_mult: int = 2


REGISTRY = {
    "base": {},
    "wide": {"dim": 256, "heads": 8},
    "small": {"dim": 96, "heads": 4, "depth": 1},
}


class SelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.h, self.hd = cfg.heads, cfg.head_dim
        self.qkv = nn.Linear(cfg.dim, 3 * cfg.dim)
        self.out = nn.Linear(cfg.dim, cfg.dim)

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = (z.view(b, t, self.h, self.hd).transpose(1, 2) for z in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(cfg.dim), nn.LayerNorm(cfg.dim)
        self.attn = SelfAttention(cfg)
        inner = cfg.ff_mult * cfg.dim
        self.ff = nn.Sequential(nn.Linear(cfg.dim, inner), nn.GELU(), nn.Linear(inner, cfg.dim))

    def forward(self, x):
        x = x + self.attn(self.n1(x))
        return x + self.ff(self.n2(x))


def build(name, **extra):
    cfg = replace(EncoderConfig(), **REGISTRY[name], **extra)
    return nn.Sequential(nn.Embedding(cfg.vocab, cfg.dim), *[Layer(cfg) for _ in range(cfg.depth)])


torch.manual_seed(0)
ids = torch.randint(0, 120, (3, 9))
for name in REGISTRY:
    encoder = build(name)
    params = sum(p.numel() for p in encoder.parameters())
    print(f"{name:<6}{params:>9}", encoder(ids).mean((0, 1))[:2].tolist())
