import torch
from torch import nn


class EMA:
    def __init__(self, model, shadow, decay=0.99):
        self.model, self.shadow, self.decay = model, shadow, decay

    def update(self):
        with torch.no_grad():
            for p, s in zip(self.model.parameters(), self.shadow.parameters(), strict=False):
                s.mul_(self.decay).add_(p, alpha=1 - self.decay)


def make(hidden=64):
    return nn.Sequential(nn.Linear(10, hidden), nn.ReLU(), nn.Linear(hidden, 1))


student = make(hidden=128)
ema = EMA(student, make())
student(torch.randn(4, 10)).sum().backward()
ema.update()
