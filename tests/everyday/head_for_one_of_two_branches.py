import torch
from torch import nn


class Pair(nn.Module):
    def __init__(self, a=8, b=6, hidden=16):
        super().__init__()
        self.left = nn.Linear(a, hidden)
        self.right = nn.Linear(b, hidden)
        self.mix = nn.Linear(hidden, 2)

    def forward(self, x, y):
        return self.mix(torch.cat([self.left(x), self.right(y)], dim=-1))


Pair()(torch.randn(4, 8), torch.randn(4, 6))
