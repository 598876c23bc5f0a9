"""A minimal decoder whose projections are learned parameter tokens."""
import torch
import torch.nn.functional as F
from torch import nn


class RotaryEmbedding(nn.Module):
    def __init__(self, dim, base=10000):
        super().__init__()
        self.register_buffer("inv_freq", 1.0 / base ** (torch.arange(0, dim, 2).float() / dim))

    def forward(self, length):
        freqs = torch.outer(torch.arange(length).float(), self.inv_freq)
        emb = torch.cat([freqs, freqs], dim=-1)
        return emb.cos()[:, None, :], emb.sin()[:, None, :]


def rotate_half(x):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([-b, a], dim=-1)


def apply_rotary_pos_emb(q, k, cos, sin, offset=0):
    span = slice(offset, q.shape[1] + offset)
    cos, sin = cos[span], sin[span]
    return q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin


class Pattention(nn.Module):
    """Attention over a fixed set of parameter tokens in place of a linear layer."""

    def __init__(self, width, out, tokens=24):
        super().__init__()
        self.keys = nn.Parameter(torch.randn(tokens, width) * 0.1)
        self.values = nn.Parameter(torch.randn(tokens, out) * 0.1)

    def forward(self, x):
        return F.gelu(F.normalize(x @ self.keys.T, dim=-1)) @ self.values


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.proj = (Pattention(width, width) for _ in range(4))
        self.rotary = RotaryEmbedding(width // heads)

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)) for f in (self.query, self.key, self.value))
        cos, sin = self.rotary(x.size(1))
        q, k = apply_rotary_pos_emb(q, k, cos, sin)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.proj(out.transpose(1, 2).flatten(2))


def main():
    torch.manual_seed(0)
    embed = nn.Embedding(40, 32)
    layers = nn.Sequential(*(Layer(32, heads=4) for _ in range(2)))
    head = nn.Linear(32, 40)
    print("parameters", sum(p.numel() for p in layers.parameters()))
    ids = torch.randint(0, 40, (3, 11))
    logits = head(layers(embed(ids[:, :-1])))
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    print("loss %.3f" % loss.item())


if __name__ == "__main__":
    main()
