import torch
from torch import nn


class LoRA(nn.Module):
    def __init__(self, base, r=4):
        super().__init__()
        self.base = base
        self.a = nn.Linear(base.in_features, r, bias=False)
        self.b = nn.Linear(r, base.in_features, bias=False)

    def forward(self, x):
        return self.base(x) + self.b(self.a(x))


up = LoRA(nn.Linear(16, 64))
print(up(torch.rand(2, 3, 16)).shape)
