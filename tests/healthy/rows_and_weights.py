"""Neighbours of one tensor in a zip, weights of several hops over the positions, norms over places, one value for a whole column."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
points = torch.randn(7, 2)
length = sum(torch.dist(a, b) for a, b in zip(points, points[1:]))  # noqa: B905, RUF007
for name, value in zip(torch.randn(4), torch.randn(4), strict=True):
    length = length + name * value

states = torch.randn(3, 9, 16)
hops = F.softmax(nn.Linear(16, 4)(states), dim=1)  # four weights for each position, each summing to one over them
pooled = hops.transpose(1, 2) @ states
first, second = hops[..., 0:1], hops[..., 1:2]
read = (first * states).sum(1) + (second * states).sum(1)

table = torch.zeros(5, 3)
table[:, 0] = torch.tensor([0.5])
table[:, 1] = torch.arange(5.0)

steps = []
for step in range(6):
    steps.append(torch.randn(3, 8) + step)
loss = F.mse_loss(torch.stack(steps, dim=1), torch.zeros(3, 6, 8))
