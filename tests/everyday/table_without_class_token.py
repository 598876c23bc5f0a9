import torch
from torch import nn


class ViT(nn.Module):
    def __init__(self, image=32, patch=8, dim=16):
        super().__init__()
        n = (image // patch) ** 2
        self.proj = nn.Conv2d(3, dim, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.zeros(1, n, dim))

    def forward(self, x):
        x = self.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1)
        return x + self.pos


print(ViT()(torch.rand(2, 3, 32, 32)).shape)
