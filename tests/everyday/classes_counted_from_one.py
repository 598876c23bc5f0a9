import torch
from torch import nn


class Cond(nn.Module):
    def __init__(self, classes, z=16):
        super().__init__()
        self.emb = nn.Embedding(classes, z)
        self.net = nn.Linear(2 * z, 64)

    def forward(self, z, y):
        return self.net(torch.cat([z, self.emb(y)], 1))


def train(classes=10):
    g = Cond(classes)
    for _ in range(2):
        y = torch.randint(0, classes, (4,))
        g(torch.randn(4, 16), y)
    return g


g = train()
grid = torch.arange(1, 11)
print(g(torch.randn(10, 16), grid).shape)
