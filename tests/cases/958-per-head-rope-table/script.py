import math

import torch
import torch.nn as nn


def rotate_half(x):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([-b, a], dim=-1)


def apply_rotary_scaled(x, cos, sin, position_ids):
    cos = cos[:, position_ids].transpose(0, 1)
    sin = sin[:, position_ids].transpose(0, 1)
    return x * cos + rotate_half(x) * sin


class ScaledRotaryEmbedding(nn.Module):
    def __init__(self, dim, num_heads, min_ratio=1.2, max_ratio=1.8, max_positions=64, base=10000.0):
        super().__init__()
        self.inv_freq = 1.0 / base ** (torch.arange(0, dim, 2).float() / dim)
        self.ratio = min_ratio + (max_ratio - min_ratio) * torch.arange(num_heads) / num_heads
        self._set_cos_sin_cache(max_positions)

    def _set_cos_sin_cache(self, seq_len):
        self.max_seq_len_cached = seq_len
        t = torch.arange(seq_len).float() / self.ratio.unsqueeze(-1)
        freqs = torch.einsum("ki,j->kij", t, self.inv_freq)
        emb = torch.cat([freqs, freqs], dim=-1)
        self.register_buffer("cos_cached", emb.cos(), persistent=False)
        self.register_buffer("sin_cached", emb.sin(), persistent=False)

    def forward(self, seq_len):
        if seq_len > self.max_seq_len_cached:
            self._set_cos_sin_cache(seq_len)
        return self.cos_cached[:seq_len], self.sin_cached[:seq_len]


class Attention(nn.Module):
    def __init__(self, hidden, num_heads):
        super().__init__()
        self.num_heads, self.head_dim = num_heads, hidden // num_heads
        self.qkv, self.o_proj = nn.Linear(hidden, 3 * hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.rotary_emb = ScaledRotaryEmbedding(self.head_dim, num_heads)

    def forward(self, x, position_ids, past=None):
        q, k, v = (p.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for p in self.qkv(x).chunk(3, dim=-1))
        kv_len = k.shape[2] + (0 if past is None else past[0].shape[2])
        cos, sin = self.rotary_emb(kv_len)
        q, k = (apply_rotary_scaled(t, cos, sin, position_ids) for t in (q, k))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        scores = q @ k.transpose(2, 3) / math.sqrt(self.head_dim)
        mask = torch.ones(q.shape[2], kv_len, dtype=torch.bool).triu(kv_len - q.shape[2] + 1)
        out = scores.masked_fill(mask, float("-inf")).softmax(-1) @ v
        return self.o_proj(out.transpose(1, 2).flatten(2)), (k, v)


@torch.no_grad()
def generate(embed, attn, prompt, new_tokens=4):
    ids, past, step = prompt, None, prompt
    for _ in range(new_tokens):
        position_ids = torch.arange(ids.shape[1] - step.shape[1], ids.shape[1]).unsqueeze(0)
        hidden, past = attn(embed(step), position_ids, past)
        step = (hidden[:, -1] @ embed.weight.t()).argmax(-1, keepdim=True)
        ids = torch.cat([ids, step], dim=1)
    return ids[0, prompt.shape[1]:].tolist()


torch.manual_seed(0)
embed, attn = nn.Embedding(40, 64), Attention(64, num_heads=8)
for length in (20, 11, 5):
    print("prompt of", length, "->", generate(embed, attn, torch.randint(0, 40, (1, length))))
