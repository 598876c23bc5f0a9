import torch
from torch import nn


class Machine(nn.Module):
    def __init__(self, fields=3, ids=20, dim=4):
        super().__init__()
        self.first, self.emb = nn.Embedding(ids, 1), nn.Embedding(ids, dim)

    def forward(self, x):
        linear = self.first(x).sum(1)
        emb = self.emb(x)
        pairs = 0.5 * (emb.sum(1) ** 2 - (emb**2).sum(1)).sum(1)
        return torch.sigmoid(linear + pairs)


model = Machine()
x, y = torch.randint(0, 20, (8, 3)), torch.rand(8)
nn.functional.binary_cross_entropy(model(x), y)
