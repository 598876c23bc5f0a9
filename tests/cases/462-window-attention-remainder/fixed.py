"""Building energy use from weather: an encoder whose attention works in windows of one day."""
import math

import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, heads, window=None):
        super().__init__()
        self.heads = heads
        self.w_q, self.w_k, self.w_v = (nn.Linear(d_model, d_model) for _ in range(3))
        self.w_o = nn.Linear(d_model, d_model)

    def attend(self, q, k, v):
        def split(t):
            return torch.cat(t.chunk(self.heads, dim=-1), dim=0)
        q, k, v = split(q), split(k), split(v)
        scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.size(-1))
        heads = torch.bmm(scores.softmax(dim=-1), v)
        return torch.cat(heads.chunk(self.heads, dim=0), dim=-1)

    def forward(self, x):
        return self.w_o(self.attend(self.w_q(x), self.w_k(x), self.w_v(x)))


class MultiHeadAttentionWindow(MultiHeadAttention):
    def __init__(self, d_model, heads, window=24):
        super().__init__(d_model, heads)
        self.window = window

    def forward(self, x):
        rows, _, width = x.shape
        parts = x.unfold(1, self.window, self.window).transpose(2, 3)
        parts = parts.reshape(-1, self.window, width)
        return super().forward(parts).reshape(rows, -1, width)


ATTENTION = {None: MultiHeadAttention, "window": MultiHeadAttentionWindow}


class Encoder(nn.Module):
    def __init__(self, d_model, heads, window, chunk_mode):
        super().__init__()
        self.self_attention = ATTENTION[chunk_mode](d_model, heads, window)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, 64), nn.ReLU(), nn.Linear(64, d_model))

    def forward(self, x):
        x = self.norm1(self.self_attention(x) + x)
        return self.norm2(self.feed_forward(x) + x)


class Transformer(nn.Module):
    def __init__(self, d_input, d_model, d_output, heads=4, layers=2, window=24, chunk_mode="window"):
        super().__init__()
        self.embedding = nn.Linear(d_input, d_model)
        self.encoder = nn.Sequential(*[Encoder(d_model, heads, window, chunk_mode) for _ in range(layers)])
        self.head = nn.Linear(d_model, d_output)

    def forward(self, x):
        return self.head(self.encoder(self.embedding(x)))


def load_series(rows, hours, d_input):
    g = torch.Generator().manual_seed(4)
    x = torch.randn(rows, hours, d_input, generator=g)
    return x, x.cumsum(1)[..., :1] / hours


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = load_series(rows=6, hours=100, d_input=5)
    net = Transformer(d_input=5, d_model=16, d_output=1, chunk_mode=None)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    print("series", tuple(x.shape))
    for step in range(3):
        loss = nn.functional.mse_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")
