import torch
from torch import nn


def masked(per_token, keep):
    return -(per_token * keep).sum() / keep


head = nn.Linear(6, 1)
keep = torch.tensor([1.0, 1.0, 0.0, 1.0])
distilled = masked(head(torch.randn(4, 6)).squeeze(-1), keep)
loss = 0.5 * head(torch.randn(4, 6)).mean() + 0.5 * distilled
loss.backward()
