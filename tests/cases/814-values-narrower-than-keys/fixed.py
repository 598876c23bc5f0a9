"""Two attention graphs for an inference engine: ordinary heads, and heads that are expanded from a latent vector."""
import math
from types import SimpleNamespace

import torch
from torch import nn


def merge_heads(t, n_head, head_size):
    rows, _, n, _ = t.shape
    return t.transpose(1, 2).reshape(rows, n, n_head * head_size)


def attend(q, k, v, hp):
    n = q.size(2)
    scores = q @ k.transpose(2, 3) / math.sqrt(hp.n_embd_head_k)
    scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), float("-inf"))
    kqv = scores.softmax(-1) @ v
    return merge_heads(kqv, hp.n_head, hp.n_embd_head_v)


class LlamaAttention(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.hp = hp
        self.wq, self.wk = (nn.Linear(hp.n_embd, hp.n_head * hp.n_embd_head_k, bias=False) for _ in range(2))
        self.wv = nn.Linear(hp.n_embd, hp.n_head * hp.n_embd_head_v, bias=False)
        self.wo = nn.Linear(hp.n_head * hp.n_embd_head_v, hp.n_embd, bias=False)

    def forward(self, x):
        q, k, v = (w(x).unflatten(-1, (self.hp.n_head, -1)).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        return self.wo(attend(q, k, v, self.hp))


class LatentAttention(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.hp = hp
        self.nope = hp.n_embd_head_k - hp.n_rot
        self.wq = nn.Linear(hp.n_embd, hp.n_head * hp.n_embd_head_k, bias=False)
        self.down = nn.Linear(hp.n_embd, hp.n_lora_kv + hp.n_rot, bias=False)
        self.up = nn.Linear(hp.n_lora_kv, hp.n_head * (self.nope + hp.n_embd_head_v), bias=False)
        self.wo = nn.Linear(hp.n_head * hp.n_embd_head_v, hp.n_embd, bias=False)

    def forward(self, x):
        hp = self.hp
        q = self.wq(x).unflatten(-1, (hp.n_head, -1)).transpose(1, 2)
        latent, k_rot = self.down(x).split([hp.n_lora_kv, hp.n_rot], dim=-1)
        kv = self.up(latent).unflatten(-1, (hp.n_head, -1)).transpose(1, 2)
        k_nope, v = kv.split([self.nope, hp.n_embd_head_v], dim=-1)
        k = torch.cat([k_nope, k_rot.unsqueeze(1).expand(-1, hp.n_head, -1, -1)], dim=-1)
        return self.wo(attend(q, k, v, hp))


MODELS = {
    "llama": (LlamaAttention, SimpleNamespace(n_embd=32, n_head=4, n_embd_head_k=8, n_embd_head_v=8)),
    "deepseek2": (
        LatentAttention,
        SimpleNamespace(n_embd=32, n_head=4, n_embd_head_k=12, n_embd_head_v=8, n_rot=4, n_lora_kv=16),
    ),
}

if __name__ == "__main__":
    torch.manual_seed(0)
    for arch, (graph, hp) in MODELS.items():
        with torch.no_grad():
            out = graph(hp)(torch.randn(2, 7, hp.n_embd))
        print(f"{arch:<10} {tuple(out.shape)} norm {out.norm():.3f}")
