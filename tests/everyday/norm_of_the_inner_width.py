import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, d, ff):
        super().__init__()
        self.fc1 = nn.Linear(d, ff)
        self.fc2 = nn.Linear(ff, d)
        self.norm = nn.LayerNorm(ff)

    def forward(self, x):
        return self.norm(x + self.fc2(self.fc1(x).relu()))


print(Block(16, 64)(torch.rand(2, 5, 16)).shape)
