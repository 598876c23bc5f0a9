import torch
from torch import nn


class Res(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)

    def forward(self, x):
        out = self.conv2(self.conv1(x).relu())
        return (out + x).relu()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.l1 = Res(16, 16)
        self.l2 = Res(16, 32, stride=2)

    def forward(self, x):
        return self.l2(self.l1(self.stem(x)))


print(Net()(torch.rand(2, 3, 16, 16)).shape)
