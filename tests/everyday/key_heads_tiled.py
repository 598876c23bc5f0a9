"""Run a grouped-query attention layer with weights exported from a reference implementation."""

import torch
import torch.nn.functional as F
from torch import nn


def expand_kv(x, times):
    return x.repeat(1, times, 1, 1)


class Attention(nn.Module):
    def __init__(self, dim, heads, kv_heads):
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads
        self.groups = heads // kv_heads
        self.head_dim = dim // heads
        self.wq = nn.Linear(dim, heads * self.head_dim, bias=False)
        self.wk = nn.Linear(dim, kv_heads * self.head_dim, bias=False)
        self.wv = nn.Linear(dim, kv_heads * self.head_dim, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)

    def heads_of(self, x, n):
        return x.unflatten(-1, (n, self.head_dim)).transpose(1, 2)

    def forward(self, x):
        q = self.heads_of(self.wq(x), self.heads)
        k = self.heads_of(self.wk(x), self.kv_heads)
        v = self.heads_of(self.wv(x), self.kv_heads)
        k, v = expand_kv(k, self.groups), expand_kv(v, self.groups)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.wo(out.transpose(1, 2).flatten(2))


def export(seed, dim, heads, kv_heads):
    """Stands in for the published checkpoint: weights, a probe and the output it should give."""
    gen = torch.Generator().manual_seed(seed)
    d = dim // heads
    shapes = {"wq": dim, "wk": kv_heads * d, "wv": kv_heads * d, "wo": dim}
    weights = {f"{k}.weight": torch.randn(n, dim, generator=gen) * 0.3 for k, n in shapes.items()}
    x = torch.randn(2, 7, dim, generator=gen)
    q, k, v = (F.linear(x, weights[f"w{c}.weight"]).unflatten(-1, (-1, d)).transpose(1, 2) for c in "qkv")
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return weights, x, F.linear(out.transpose(1, 2).flatten(2), weights["wo.weight"])


def main():
    weights, probe, wanted = export(seed=0, dim=48, heads=6, kv_heads=2)
    layer = Attention(dim=48, heads=6, kv_heads=2)
    layer.load_state_dict(weights)
    with torch.no_grad():
        got = layer(probe)
    print("largest difference to the reference %.5f" % (got - wanted).abs().max())


if __name__ == "__main__":
    main()
