"""Serve two sizes of a model family with one fused query/key/value projection."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    name: str
    heads: int
    kv_heads: int
    width: int = 64
    depth: int = 2
    vocab: int = 90


class FusedAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.kv_heads = config.kv_heads
        self.head_dim = config.width // config.heads
        self.qkv_proj = nn.Linear(config.width, (config.heads + 2 * config.kv_heads) * self.head_dim, bias=False)
        self.q_norm = nn.RMSNorm(self.head_dim)
        self.k_norm = nn.RMSNorm(self.head_dim)
        self.o_proj = nn.Linear(config.heads * self.head_dim, config.width, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = self.qkv_proj(x).split(
            [self.heads * self.head_dim, self.kv_heads * self.head_dim, self.kv_heads * self.head_dim], dim=-1
        )
        q = q.view(batch, length, self.heads, self.head_dim)
        k = k.view(batch, length, self.kv_heads, self.head_dim)
        v = v.view(batch, length, self.kv_heads, self.head_dim)
        q, k, v = (t.transpose(1, 2) for t in (self.q_norm(q), self.k_norm(k), v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.kv_heads)
        return self.o_proj(out.transpose(1, 2).flatten(2))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed = nn.Embedding(config.vocab, config.width)
        self.layers = nn.ModuleList(FusedAttention(config) for _ in range(config.depth))
        self.norms = nn.ModuleList(nn.RMSNorm(config.width) for _ in range(config.depth))
        self.head = nn.Linear(config.width, config.vocab, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        for layer, norm in zip(self.layers, self.norms):
            x = x + norm(layer(x))
        return self.head(x)


@torch.no_grad()
def profile_run(config):
    torch.manual_seed(0)
    model = Model(config).eval()
    logits = model(torch.arange(24).view(2, 12))
    print(f"{config.name:<10} next tokens {logits[:, -1].argmax(-1).tolist()}")


if __name__ == "__main__":
    for config in (Config("family-7b", heads=8, kv_heads=8), Config("family-32b", heads=8, kv_heads=2)):
        profile_run(config)
