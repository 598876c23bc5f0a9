import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)
        self.bn = nn.BatchNorm2d(cin)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


net = nn.Sequential(Block(3, 16), Block(16, 32))
print(net(torch.rand(2, 3, 8, 8)).shape)
