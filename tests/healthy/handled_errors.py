"""Errors of shape that the program expects and handles."""

import torch

for width in (3, 4):
    try:
        torch.zeros(2, width) @ torch.zeros(4, 5)
    except RuntimeError:
        continue
try:
    torch.tensor([[1, 2], [3]])
except ValueError:
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
