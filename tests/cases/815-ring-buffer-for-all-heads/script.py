"""Packed generator: preallocated key/value buffers are attached to the attention layers of a trained model."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class ModelArgs:
    dim: int = 64
    n_layers: int = 2
    n_heads: int = 8
    n_kv_heads: int = 8
    vocab_size: int = 80


class KVCache(nn.Module):
    def __init__(self, bsz, max_len, n_heads, head_dim):
        super().__init__()
        self.register_buffer("k", torch.zeros(bsz, max_len, n_heads, head_dim))
        self.register_buffer("v", torch.zeros(bsz, max_len, n_heads, head_dim))

    def update(self, xk, xv, tok_idx):
        self.k.index_copy_(1, tok_idx, xk)
        self.v.index_copy_(1, tok_idx, xv)
        end = int(tok_idx[-1]) + 1
        return self.k[:, :end], self.v[:, :end]


class Attention(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head_dim = args.n_heads, args.n_kv_heads, args.dim // args.n_heads
        self.wq = nn.Linear(args.dim, args.n_heads * self.head_dim, bias=False)
        self.wk, self.wv = (nn.Linear(args.dim, args.n_kv_heads * self.head_dim, bias=False) for _ in range(2))
        self.wo = nn.Linear(args.dim, args.dim, bias=False)

    def forward(self, x, tok_idx):
        xq = self.wq(x).unflatten(-1, (self.n_heads, self.head_dim))
        xk, xv = (w(x).unflatten(-1, (self.n_kv_heads, self.head_dim)) for w in (self.wk, self.wv))
        if hasattr(self, "kv_cache"):
            xk, xv = self.kv_cache.update(xk, xv, tok_idx)
        xk, xv = (t.repeat_interleave(self.n_heads // self.n_kv_heads, dim=2) for t in (xk, xv))
        mask = torch.arange(xk.size(1)) <= tok_idx[:, None]
        out = F.scaled_dot_product_attention(*(t.transpose(1, 2) for t in (xq, xk, xv)), attn_mask=mask)
        return self.wo(out.transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.embed, self.head = nn.Embedding(args.vocab_size, args.dim), nn.Linear(args.dim, args.vocab_size)
        self.layers = nn.ModuleList(Attention(args) for _ in range(args.n_layers))

    def forward(self, ids, tok_idx):
        x = self.embed(ids)
        for layer in self.layers:
            x = x + layer(x, tok_idx)
        return self.head(x)


@torch.no_grad()
def generate(model, prompts, max_gen=6):
    max_len = prompts.size(1) + max_gen
    for module in model.modules():
        if isinstance(module, Attention):
            module.kv_cache = KVCache(prompts.size(0), max_len, module.n_heads, module.head_dim)
    ids, tok_idx = prompts, torch.arange(prompts.size(1))
    for _ in range(max_gen):
        picked = model(ids[:, tok_idx], tok_idx)[:, -1].argmax(-1, keepdim=True)
        tok_idx = torch.tensor([ids.size(1)])
        ids = torch.cat([ids, picked], dim=1)
    return ids[:, prompts.size(1):].tolist()


if __name__ == "__main__":
    for name, args in {"debug": ModelArgs(), "llama_1B": ModelArgs(n_kv_heads=2)}.items():
        torch.manual_seed(0)
        model = Transformer(args).eval()
        loss = F.cross_entropy(model(torch.arange(12)[None], torch.arange(12))[0, :-1], torch.arange(1, 12))
        print(f"{name:<9} loss {loss.item():.3f}", generate(model, torch.tensor([[5, 9, 31, 7], [44, 2, 18, 60]])))
