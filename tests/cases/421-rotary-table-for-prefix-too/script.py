"""Prefix tuning of a hand-written decoder with rotary positions."""
import torch
import torch.nn.functional as F
from torch import nn


class Rotary(nn.Module):
    def __init__(self, dim, base=10000.0):
        super().__init__()
        self.register_buffer("freq", base ** (-torch.arange(0, dim, 2) / dim), persistent=False)

    def forward(self, length):
        angle = torch.outer(torch.arange(length).float(), self.freq)
        angle = torch.cat([angle, angle], dim=-1)
        return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.rotary = Rotary(width // heads)

    def forward(self, x, past=None):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        total = x.size(1) + (0 if past is None else past[0].size(2))
        cos, sin = self.rotary(total)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        visible = torch.ones(q.size(2), total, dtype=torch.bool).tril(total - q.size(2))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Decoder(nn.Module):
    def __init__(self, vocab=50, width=32, heads=4, depth=2, prefix=0):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, vocab)
        self.prefix = nn.Parameter(torch.randn(depth, 2, heads, prefix, width // heads)) if prefix else None

    def forward(self, ids):
        x = self.embed(ids)
        for i, layer in enumerate(self.layers):
            past = None
            if self.prefix is not None:
                past = self.prefix[i].unsqueeze(1).expand(-1, ids.size(0), -1, -1, -1)
            x = x + layer(x, past)
        return self.head(x)


def main():
    ids = torch.randint(0, 50, (3, 8), generator=torch.Generator().manual_seed(0))
    for prefix in (0, 4):
        torch.manual_seed(0)
        logits = Decoder(prefix=prefix)(ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        print(f"prefix {prefix} loss {loss.item():.3f}")


main()
