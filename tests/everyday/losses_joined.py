import torch
from torch import nn

model = nn.Linear(4, 1)
losses = []
for _ in range(5):
    x = torch.randn(3, 4)
    losses.append(model(x).mean())
total = torch.cat(losses).mean()
