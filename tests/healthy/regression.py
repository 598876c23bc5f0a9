"""Regression with one output: prediction and target are brought to one shape."""

import torch
from torch import nn

torch.manual_seed(0)
inputs, wanted = torch.randn(16, 4), torch.randn(16)
model = nn.Linear(4, 1)
loss = nn.functional.mse_loss(model(inputs).squeeze(1), wanted)
column = nn.functional.mse_loss(model(inputs), wanted.unsqueeze(1))
binary = nn.functional.binary_cross_entropy_with_logits(model(inputs).squeeze(1), (wanted > 0).float())
to_a_number = nn.functional.mse_loss(model(inputs), torch.tensor(1.0).expand(16, 1))
(loss + column + binary + to_a_number).backward()
