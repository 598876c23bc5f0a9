from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class ModelArgs:
    dim: int = 64
    n_heads: int = 4
    n_kv_heads: int = 4
    n_layers: int = 2
    vocab: int = 80


def repeat_kv(x, groups):
    if groups == 1:
        return x
    return x.repeat_interleave(groups, dim=1)


class GroupedAttention(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.n_heads, self.n_kv = args.n_heads, args.n_kv_heads
        self.groups = max(1, args.n_heads // args.n_kv_heads)
        self.head_dim = args.dim // args.n_heads
        self.wq = nn.Linear(args.dim, self.n_heads * self.head_dim, bias=False)
        self.wk = nn.Linear(args.dim, self.n_kv * self.head_dim, bias=False)
        self.wv = nn.Linear(args.dim, self.n_kv * self.head_dim, bias=False)
        self.wo = nn.Linear(self.n_heads * self.head_dim, args.dim, bias=False)

    def forward(self, x):
        b, t, _ = x.shape
        q = self.wq(x).view(b, t, self.n_heads, self.head_dim).transpose(1, 2)
        k = self.wk(x).view(b, t, self.n_kv, self.head_dim).transpose(1, 2)
        v = self.wv(x).view(b, t, self.n_kv, self.head_dim).transpose(1, 2)
        k, v = repeat_kv(k, self.groups), repeat_kv(v, self.groups)
        scores = torch.matmul(q, k.transpose(2, 3)) / self.head_dim**0.5
        scores = scores + torch.full((t, t), float("-inf")).triu(1)
        return self.wo((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, -1))


class LM(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.embed = nn.Embedding(args.vocab, args.dim)
        self.layers = nn.ModuleList(GroupedAttention(args) for _ in range(args.n_layers))
        self.norms = nn.ModuleList(nn.RMSNorm(args.dim) for _ in range(args.n_layers))
        self.head = nn.Linear(args.dim, args.vocab)

    def forward(self, ids):
        x = self.embed(ids)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x))
        return self.head(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    ids = torch.randint(0, 80, (2, 11))
    for args in (ModelArgs(), ModelArgs(dim=96, n_heads=6, n_layers=3)):
        logits = LM(args)(ids)
        print(args, tuple(logits.shape))
