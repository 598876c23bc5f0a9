import torch
from torch import nn


class Backbone(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.out_dim = width

    def forward(self, x):
        return self.conv(x).amax((2, 3))


class SimCLR(nn.Module):
    def __init__(self, backbone, proj_in=64, proj=16):
        super().__init__()
        self.backbone = backbone
        self.proj = nn.Sequential(nn.Linear(proj_in, proj_in), nn.ReLU(), nn.Linear(proj_in, proj))

    def forward(self, x):
        return self.proj(self.backbone(x))


net = SimCLR(Backbone())
print(net(torch.rand(4, 3, 16, 16)).shape)
