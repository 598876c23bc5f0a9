import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab: int = 64
    width: int = 32
    heads: int = 4
    attention: str = "reference"


def reference_attention(q, k, v):
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.size(-1))
    future = torch.ones(q.size(1), k.size(1), dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, float("-inf")).softmax(-1)
    return torch.einsum("bhqk,bkhd->bqhd", weights, v)


def torch_attention(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


ATTENTION = {"reference": reference_attention, "torch": torch_attention}


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.heads = cfg.heads
        self.norm = nn.LayerNorm(cfg.width)
        self.qkv = nn.Linear(cfg.width, 3 * cfg.width)
        self.proj = nn.Linear(cfg.width, cfg.width)
        self.attend = ATTENTION[cfg.attention]

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).unbind(2)
        return x + self.proj(self.attend(q, k, v).flatten(2))


class TinyLM(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embed = nn.Embedding(cfg.vocab, cfg.width)
        self.blocks = nn.Sequential(*[Block(cfg) for _ in range(2)])
        self.head = nn.Linear(cfg.width, cfg.vocab)

    def forward(self, ids):
        return self.head(self.blocks(self.embed(ids)))


def build(attention):
    torch.manual_seed(0)
    return TinyLM(Config(attention=attention)).eval()


@torch.no_grad()
def main():
    ids = torch.randint(0, 64, (2, 12), generator=torch.Generator().manual_seed(1))
    slow, fast = build("reference")(ids), build("torch")(ids)
    same = (slow.argmax(-1) == fast.argmax(-1)).float().mean().item()
    print(f"largest difference {(slow - fast).abs().max():.4f}, same next token {100 * same:.0f}%")


if __name__ == "__main__":
    main()
