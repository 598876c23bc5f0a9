"""Token-to-wave front end: speech tokens arrive in chunks, attention sees the cached frames before them."""
import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class StreamConfig:
    dim: int = 32
    layers: int = 2
    max_pos: int = 500


class RelPositions(nn.Module):
    def __init__(self, dim, max_pos):
        super().__init__()
        angle = torch.arange(max_pos).unsqueeze(1) * torch.exp(torch.arange(0, dim, 2) * (-math.log(1e4) / dim))
        self.register_buffer("pe", torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1))

    def forward(self, size):
        return self.pe[:size].flip(0)


class RelAttention(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        self.heads, self.d_k = heads, dim // heads
        self.q, self.k, self.v, self.pos, self.out = (nn.Linear(dim, dim) for _ in range(5))

    def split(self, t):
        return t.unflatten(-1, (self.heads, self.d_k)).transpose(-2, -3)

    def forward(self, x, pos_emb, cache):
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        if cache is not None:
            k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
        matrix_ac = q @ k.transpose(-1, -2)
        matrix_bd = q @ self.split(self.pos(pos_emb)).transpose(-1, -2)
        attn = ((matrix_ac + matrix_bd) / math.sqrt(self.d_k)).softmax(-1)
        return self.out((attn @ v).transpose(1, 2).flatten(2)), (k, v)


class StreamingEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed = nn.Embedding(200, config.dim)
        self.positions = RelPositions(config.dim, config.max_pos)
        self.layers = nn.ModuleList(RelAttention(config.dim) for _ in range(config.layers))

    def forward_chunk(self, tokens, caches, offset):
        x = self.embed(tokens)
        pos_emb = self.positions(offset + tokens.size(1))
        for i, layer in enumerate(self.layers):
            out, caches[i] = layer(x, pos_emb, caches[i])
            x = x + out
        return x


@torch.no_grad()
def synthesise(model, tokens, chunk_size=10):
    caches, frames, offset = [None] * len(model.layers), [], 0
    for chunk in tokens.split(chunk_size, dim=1):
        frames.append(model.forward_chunk(chunk, caches, offset))
        offset += chunk.size(1)
    return torch.cat(frames, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = StreamingEncoder(StreamConfig()).eval()
    for name, length in {"greeting": 24, "answer": 50, "story": 76}.items():
        print(name, tuple(synthesise(model, torch.randint(0, 200, (1, length))).shape))
