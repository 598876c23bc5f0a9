import torch
from torch import nn


class D(nn.Module):
    def __init__(self, side=28):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(side * side, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x.view(x.size(0), -1))


class G(nn.Module):
    def __init__(self, z=10, side=32):
        super().__init__()
        self.side = side
        self.net = nn.Sequential(nn.Linear(z, side * side), nn.Tanh())

    def forward(self, z):
        return self.net(z).view(-1, 1, self.side, self.side)


d, g = D(), G()
real = torch.rand(8, 1, 28, 28)
print(d(real).mean().item() is not None)
print(d(g(torch.randn(8, 10))).shape)
