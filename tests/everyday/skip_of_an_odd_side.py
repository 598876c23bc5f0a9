import torch
from torch import nn


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1 = nn.Conv2d(3, 8, 3, padding=1)
        self.d2 = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.out = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        a = self.d1(x).relu()
        b = self.d2(nn.functional.max_pool2d(a, 2)).relu()
        return self.out(torch.cat([self.up(b), a], dim=1))


print(UNet()(torch.rand(1, 3, 33, 33)).shape)
