import math

import torch
import torch.nn as nn


class ChunkAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.head_dim = heads, dim // heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def update_cache(self, k, v, cache):
        past_k, past_v = cache
        if past_k.size(0) > 0:
            k = torch.cat([past_k, k], dim=2)
            v = torch.cat([past_v, v], dim=2)
        return k, v, (k, v)

    def forward(self, x, cache):
        b, t, d = x.shape
        q, k, v = (y.view(b, t, self.heads, self.head_dim).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        k, v, new_cache = self.update_cache(k, v, cache)
        weights = (q @ k.transpose(2, 3) / math.sqrt(self.head_dim)).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(b, t, d)), new_cache


class EfficientLayer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.att = ChunkAttention(dim, heads)
        self.ffn = nn.Linear(dim, dim)

    def forward(self, x, cache):
        y, new_cache = self.att(self.norm(x), cache)
        return x + self.ffn(y).relu(), new_cache


class EfficientEncoder(nn.Module):
    """Streaming encoder that is fed one chunk of frames after the other."""

    def __init__(self, feats=40, dim=32, heads=4, layers=3):
        super().__init__()
        self.embed = nn.Linear(feats, dim)
        self.layers = nn.ModuleList(EfficientLayer(dim, heads) for _ in range(layers))

    def forward_chunk(self, chunk, att_cache):
        x = self.embed(chunk)
        updated = []
        for i, layer in enumerate(self.layers):
            past = att_cache[i] if att_cache.size(0) > 0 else att_cache
            x, new_cache = layer(x, past)
            updated.append(torch.cat(new_cache, dim=-1))
        return x, torch.stack(updated)


class Recognizer(nn.Module):
    def __init__(self, symbols=30):
        super().__init__()
        self.encoder = EfficientEncoder()
        self.ctc = nn.Linear(32, symbols)

    @torch.no_grad()
    def decode(self, frames, chunk_size):
        att_cache = torch.zeros(0, 0, 0, 0)
        best = []
        for chunk in frames.split(chunk_size, dim=1):
            y, att_cache = self.encoder.forward_chunk(chunk, att_cache)
            best.append(self.ctc(y).argmax(-1))
        return torch.cat(best, dim=1), att_cache


if __name__ == "__main__":
    torch.manual_seed(0)
    recognizer = Recognizer().eval()
    symbols, cache = recognizer.decode(torch.randn(1, 24, 40), chunk_size=8)
    print("symbols", symbols[0, :10].tolist())
    print("cache", tuple(cache.shape))
