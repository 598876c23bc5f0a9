import torch
from torch import nn

IMAGE = 3


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, 8))

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        return torch.cat([self.cls.expand(len(x), -1, -1), x], 1)


class VLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = Tower()
        self.embed = nn.Embedding(20, 8)

    def forward(self, ids, pixels):
        x = self.embed(ids)
        f = self.tower(pixels)
        mask = (ids == IMAGE).unsqueeze(-1).expand_as(x)
        return x.masked_scatter(mask, f)


def prompt(n):
    return [5] + [IMAGE] * n + [7, 8]


ids = torch.tensor([prompt(4), prompt(4)])
model = VLM()
print(model(ids, torch.randn(2, 3, 8, 8)).shape)
