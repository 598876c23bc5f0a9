import torch
from torch import nn


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(32, outputs))


policy, critic = mlp(4, 2), mlp(4, 1)
policy(torch.randn(4))
