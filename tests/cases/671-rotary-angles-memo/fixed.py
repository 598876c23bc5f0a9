"""Greedy decoding with a rotary attention model, whole sequence and step by step."""
import torch
import torch.nn.functional as F
from torch import nn


class RotaryEmbedding(nn.Module):
    def __init__(self, dim, theta=10000.0):
        super().__init__()
        self.register_buffer("inv_freq", theta ** (-torch.arange(0, dim, 2) / dim))
        self.memo = {}

    def angles(self, length, offset):
        key = f"freqs:{length}:{offset}"
        if key not in self.memo:
            where = torch.arange(length) + offset
            self.memo[key] = torch.outer(where, self.inv_freq).repeat(1, 2)
        return self.memo[key]

    def rotate(self, t, offset=0):
        angle = self.angles(t.size(-2), offset)
        first, second = t.chunk(2, dim=-1)
        return t * angle.cos() + torch.cat([-second, first], dim=-1) * angle.sin()


class Attention(nn.Module):
    def __init__(self, dim, heads, rotary):
        super().__init__()
        self.heads, self.rotary = heads, rotary
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, past):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = past[0].size(2) if past else 0
        q, k = self.rotary.rotate(q, seen), self.rotary.rotate(k, seen)
        if past:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=not past)
        return self.out(y.transpose(1, 2).reshape(b, t, c)), (k, v)


class TinyLM(nn.Module):
    def __init__(self, vocab=60, dim=32, heads=4, depth=3):
        super().__init__()
        rotary = RotaryEmbedding(dim // heads)
        self.embed, self.head = nn.Embedding(vocab, dim), nn.Linear(dim, vocab)
        self.layers = nn.ModuleList(Attention(dim, heads, rotary) for _ in range(depth))

    def forward(self, ids, past=None):
        x, present = self.embed(ids), []
        for i, layer in enumerate(self.layers):
            y, kv = layer(F.layer_norm(x, x.shape[-1:]), past[i] if past else None)
            x = x + y
            present.append(kv)
        return self.head(x), present


@torch.no_grad()
def generate(model, ids, steps, use_cache):
    out, past = ids, None
    for _ in range(steps):
        logits, past = model(out[:, -1:] if past else out, past)
        out = torch.cat([out, logits[:, -1:].argmax(-1)], dim=1)
        past = past if use_cache else None
    return out[0, ids.size(1):].tolist()


if __name__ == "__main__":
    torch.manual_seed(3)
    model = TinyLM().eval()
    for prompt in ([[5, 17, 40, 8, 22]], [[31, 2, 2, 59, 14, 7, 11]]):
        ids = torch.tensor(prompt)
        print("whole ", generate(model, ids, 14, use_cache=False))
        print("cached", generate(model, ids, 14, use_cache=True))
