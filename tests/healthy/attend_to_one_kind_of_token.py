"""A summary token reads only the tokens of one kind, whatever its number: the mask compares kinds, not padding."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
QUESTION, ANSWER = 1, 2
kinds = torch.tensor([[QUESTION, QUESTION, ANSWER, ANSWER], [QUESTION, ANSWER, ANSWER, ANSWER]])
embed = nn.Embedding(3, 8)
states = embed(kinds)  # (batch, seq, features)
query = states.mean(1, keepdim=True)  # (batch, 1, features)
answers = (kinds == ANSWER).unsqueeze(1)  # (batch, 1, seq)
summary = F.scaled_dot_product_attention(query, states, states, attn_mask=answers)
print(summary.shape)
