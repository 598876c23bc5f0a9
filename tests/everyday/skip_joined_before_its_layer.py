import torch
from torch import nn


class Up(nn.Module):
    def __init__(self, given, made):
        super().__init__()
        self.larger = nn.ConvTranspose2d(given, made, 2, stride=2)
        self.block = nn.Sequential(nn.Conv2d(made, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU())

    def forward(self, x, skip):
        x = torch.cat([skip, self.larger(x)], dim=1)
        return self.block(x)


class SmallUNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.up = Up(2 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        skip = torch.relu(self.first(x))
        return self.out(self.up(torch.relu(self.down(skip)), skip))


print(SmallUNet()(torch.randn(2, 3, 24, 24)).shape)
