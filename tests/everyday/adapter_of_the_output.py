import torch
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, r):
        super().__init__()
        self.base = base
        self.A = nn.Parameter(torch.randn(r, base.out_features))
        self.B = nn.Parameter(torch.zeros(base.in_features, r))

    def forward(self, x):
        return self.base(x) + x @ self.A.t() @ self.B.t()


layer = LoRALinear(nn.Linear(32, 64), 4)
print(layer(torch.randn(2, 32)).shape)
