import math

import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)


class Flip(nn.Module):
    def forward(self, x):
        return x.flip(1), x.new_zeros(x.size(0))


class Coupling(nn.Module):
    def __init__(self, dim, hidden=32):
        super().__init__()
        self.half = dim // 2
        self.net = nn.Sequential(nn.Linear(self.half, hidden), nn.ReLU(), nn.Linear(hidden, 2 * self.half))

    def forward(self, x):
        a, b = x[:, : self.half], x[:, self.half :]
        s, t = self.net(a).chunk(2, dim=1)
        s = torch.tanh(s)
        b = b * s.exp() + t
        return torch.cat([a, b], dim=1), s.sum(1)


class Flow(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def log_prob(self, x):
        total = 0
        for step in self.steps:
            x, logdet = step(x)
            total = total + logdet
        base = -0.5 * (x**2 + math.log(2 * math.pi)).sum(1)
        return base + total


def build_flow(dim, depth=4):
    return Flow([m for _ in range(depth) for m in (Coupling(dim), Flip())])


for dim in (6, 7):
    flow = build_flow(dim)
    opt = torch.optim.Adam(flow.parameters(), lr=1e-3)
    for i in range(5):
        loss = -flow.log_prob(torch.randn(64, dim) * 2 + 1).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(dim, loss.item())
