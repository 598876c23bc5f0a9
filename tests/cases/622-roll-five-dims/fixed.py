"""Stream tokens through a small ALiBi decoder with a preallocated cache; old tokens are rolled out when it is full."""
import torch
import torch.nn.functional as F
from torch import nn


class WindowedCache:
    def __init__(self, rows, heads, max_len, head_dim):
        self.k = torch.zeros(rows, heads, max_len, head_dim)
        self.v = torch.zeros(rows, heads, max_len, head_dim)
        self.max_len = max_len

    def update(self, keys, values, start):
        stop = start + keys.size(2)
        self.k[:, :, start:stop] = keys
        self.v[:, :, start:stop] = values

    def read(self, stop):
        return self.k[:, :, :stop], self.v[:, :, :stop]

    def roll_n_steps(self, start, n):
        n = min(start, n)
        self.k = torch.roll(self.k, shifts=-n, dims=2)
        self.v = torch.roll(self.v, shifts=-n, dims=2)
        self.k[:, :, -n:, :] = 0
        self.v[:, :, -n:, :] = 0
        return start - n


class FusedAttention(nn.Module):
    def __init__(self, width, heads, max_len, rows):
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.cache = WindowedCache(rows, heads, max_len, self.head_dim)
        self.start = 0
        self.register_buffer("slopes", 2.0 ** -(8.0 * torch.arange(1, heads + 1) / heads))

    def bias(self, queries, keys):
        distance = torch.arange(keys)[None, :] - torch.arange(keys - queries, keys)[:, None]
        bias = self.slopes[:, None, None] * distance
        return bias.masked_fill(distance > 0, float("-inf"))

    def forward(self, x):
        rows, length, width = x.shape
        if self.start + length > self.cache.max_len:
            self.start = self.cache.roll_n_steps(self.start, n=length + 3)
        q, k, v = self.qkv(x).view(rows, length, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        self.cache.update(k, v, self.start)
        self.start += length
        k, v = self.cache.read(self.start)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias(length, k.size(2)))
        return self.out(y.transpose(1, 2).reshape(rows, length, width))


class Decoder(nn.Module):
    def __init__(self, vocab=50, width=32, heads=4, depth=2, max_len=16, rows=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.layers = nn.ModuleList(FusedAttention(width, heads, max_len, rows) for _ in range(depth))
        self.head = nn.Linear(width, vocab, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x))
        return self.head(x)


@torch.no_grad()
def stream(model, prompt, new_tokens):
    ids, out = prompt, []
    for _ in range(new_tokens):
        ids = model(ids)[:, -1].argmax(-1, keepdim=True)
        out.append(ids)
    return torch.cat(out, dim=1)


if __name__ == "__main__":
    for count in (6, 14):
        torch.manual_seed(0)
        tokens = stream(Decoder().eval(), torch.randint(0, 50, (2, 9)), count)
        print(count, tokens[0].tolist())
