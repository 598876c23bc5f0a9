"""Finetune a small GPT with LoRA on the fused query/key/value projection, then merge the result into the base weights."""
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab: int = 64
    width: int = 32
    heads: int = 4
    depth: int = 2
    r: int = 8
    alpha: int = 16
    to_query: bool = True
    to_key: bool = False
    to_value: bool = True


class LoRAQKV(nn.Linear):
    def __init__(self, cfg):
        super().__init__(cfg.width, 3 * cfg.width, bias=False)
        self.r, self.scaling = cfg.r, cfg.alpha / cfg.r
        self.enabled = [cfg.to_query, cfg.to_key, cfg.to_value]
        self.lora_A = nn.Parameter(0.02 * torch.randn(cfg.r * sum(self.enabled), cfg.width))
        self.lora_B = nn.Parameter(torch.zeros(cfg.width * sum(self.enabled), cfg.r))

    def delta(self):
        parts = iter(b @ a for a, b in zip(self.lora_A.split(self.r), self.lora_B.chunk(sum(self.enabled))))
        zero = torch.zeros(self.in_features, self.in_features)
        return self.scaling * torch.cat([next(parts) if on else zero for on in self.enabled])

    def forward(self, x):
        return F.linear(x, self.weight + self.delta())


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.heads = cfg.heads
        self.norm, self.attn = nn.LayerNorm(cfg.width), LoRAQKV(cfg)
        self.proj = nn.Linear(cfg.width, cfg.width, bias=False)

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.attn(self.norm(x)).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.proj(y.transpose(1, 2).flatten(2))


class GPT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.wte = nn.Embedding(cfg.vocab, cfg.width)
        self.h = nn.Sequential(*[Block(cfg) for _ in range(cfg.depth)])
        self.lm_head = nn.Linear(cfg.width, cfg.vocab, bias=False)

    def forward(self, ids):
        return self.lm_head(self.h(self.wte(ids)))


def finetune(base, folder, steps=4, **lora):
    model = GPT(replace(Config(), **lora))
    model.load_state_dict(base, strict=False)
    trained = [p for n, p in model.named_parameters() if "lora_" in n]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    for _ in range(steps):
        ids = torch.randint(0, 64, (4, 16))
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save({n: p for n, p in model.state_dict().items() if "lora_" in n}, folder / "lit_model_lora.pth")
    return loss.item()


@torch.no_grad()
def merge(base, folder, **lora):
    model = GPT(replace(Config(), **lora))
    model.load_state_dict(base, strict=False)
    model.load_state_dict(torch.load(folder / "lit_model_lora.pth"), strict=False)
    for block in model.h:
        block.attn.weight += block.attn.delta()
    return {n: p for n, p in model.state_dict().items() if "lora_" not in n}


if __name__ == "__main__":
    torch.manual_seed(0)
    base = {n: p for n, p in GPT(Config()).state_dict().items() if "lora_" not in n}
    for settings in ({}, {"r": 16, "alpha": 32, "to_key": True}):
        with tempfile.TemporaryDirectory() as tmp:
            loss = finetune(base, Path(tmp), **settings)
            merged = merge(base, Path(tmp))
        print(f"{settings or 'defaults'}: loss {loss:.3f}, {len(merged)} merged tensors")
