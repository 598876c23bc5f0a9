import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.fc = nn.Linear(8 * 26 * 26, 10)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


def load():
    return torch.rand(16, 28, 28), torch.randint(0, 10, (16,))


net = Net()
x, y = load()
loss = nn.functional.cross_entropy(net(x), y)
