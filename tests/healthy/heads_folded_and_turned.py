"""Heads turned by their positions, folded into the batch and back, squeezed maps, classes moved last, features for each placeholder."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
BATCH, SEQ, HEADS, WIDTH, CLASSES, IMAGE = 2, 6, 4, 32, 5, 3


class Rotary(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.register_buffer("inv_freq", 100.0 ** (-torch.arange(0, dim, 2) / dim))

    def forward(self, length):
        angles = torch.outer(torch.arange(length).float(), self.inv_freq)
        return angles.cos()[None, None], angles.sin()[None, None]


def turned(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Folded(nn.Module):
    """Attention with the heads in the batch dim, for ``bmm``."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.rotary = Rotary(WIDTH // HEADS)

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        cos, sin = self.rotary(length)
        q, k, v = (t.reshape(batch * HEADS, length, -1) for t in (turned(q, cos, sin), turned(k, cos, sin), v))
        mixed = torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v)
        return self.out(mixed.view(batch, HEADS, length, -1).transpose(1, 2).reshape(batch, length, WIDTH))


ids = torch.randint(4, 20, (BATCH, SEQ))
ids[:, 1:4] = IMAGE
embedded = nn.Embedding(20, WIDTH)(ids)
features = torch.randn(BATCH * 3, WIDTH)
states = embedded.masked_scatter((ids == IMAGE).unsqueeze(-1), features)
print(Folded()(states).shape)

pixels = torch.randn(BATCH, 3, 8, 8)
scores = nn.Conv2d(3, CLASSES, 1)(pixels)
teacher = F.softmax(scores.detach().permute(0, 2, 3, 1).reshape(-1, CLASSES), dim=1)
student = F.log_softmax(scores.permute(0, 2, 3, 1).reshape(-1, CLASSES), dim=1)
print(-(teacher * student).sum(1).mean().item() > 0)

pooled = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1))(pixels)
target = torch.randn(BATCH, 4)
print((pooled.flatten(1) - target).abs().mean().shape, (pooled * torch.rand(BATCH, 4, 8, 8)).shape)
gates = torch.sigmoid(nn.Linear(4, 3)(pooled.flatten(1)))
print((pixels * gates[:, :, None, None]).mean().shape)
