import torch
import torch.nn.functional as F
from torch import nn

WINDOW = 4


def partition(x, w):
    b, h, wd, c = x.shape
    x = x.view(b, h // w, w, wd // w, w, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, c)


def merge(windows, w, h, wd):
    x = windows.view(-1, h // w, wd // w, w, w, windows.size(-1))
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, wd, windows.size(-1))


def shifted_mask(h, wd, w, shift):
    region = torch.zeros(1, h, wd, 1)
    count = 0
    for rows in (slice(0, -w), slice(-w, -shift), slice(-shift, None)):
        for cols in (slice(0, -w), slice(-w, -shift), slice(-shift, None)):
            region[:, rows, cols] = count
            count += 1
    ids = partition(region, w).squeeze(-1)
    return ids.unsqueeze(1) == ids.unsqueeze(2)


class WindowAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, mask=None):
        rows, n, c = x.shape
        qkv = self.qkv(x).view(rows, n, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if mask is not None:
            mask = mask.repeat(rows // mask.size(0), 1, 1).unsqueeze(1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(out.transpose(1, 2).reshape(rows, n, c))


class Block(nn.Module):
    def __init__(self, dim, heads, shift):
        super().__init__()
        self.shift = shift
        self.norm = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads)

    def forward(self, x):
        _, h, wd, _ = x.shape
        y, mask = self.norm(x), None
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), dims=(1, 2))
            mask = shifted_mask(h, wd, WINDOW, self.shift)
        y = merge(self.attn(partition(y, WINDOW), mask), WINDOW, h, wd)
        return x + torch.roll(y, (self.shift, self.shift), dims=(1, 2))


class Forecaster(nn.Module):
    def __init__(self, variables=3, dim=24):
        super().__init__()
        self.embed, self.head = nn.Linear(variables, dim), nn.Linear(dim, variables)
        self.blocks = nn.Sequential(*[Block(dim, 2, shift) for shift in (0, WINDOW // 2)])

    def forward(self, fields):
        return fields + self.head(self.blocks(self.embed(fields)))


torch.manual_seed(0)
model = Forecaster().eval()
with torch.no_grad():
    for members in (1, 3):
        state = torch.randn(members, 8, 12, 3)
        for step in range(2):
            state = model(state)
        print("members", members, "spread", round(state.std().item(), 4))
