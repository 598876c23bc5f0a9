"""Attention in its lawful forms: scaled dot product, pooling, additive, linear, slots that are renormalised, soft assignment."""

import torch
from torch import nn

torch.manual_seed(0)
batch, length, width = 3, 5, 8
states = torch.randn(batch, length, width)
to_query, to_key, to_value, score = (
    nn.Linear(width, width),
    nn.Linear(width, width),
    nn.Linear(width, width),
    nn.Linear(width, 1),
)
query, key, value = to_query(states), to_key(states), to_value(states)

weights = (
    (query @ key.transpose(1, 2) / width**0.5)
    .masked_fill(torch.ones(length, length).triu(1).bool(), float("-inf"))
    .softmax(-1)
)
mixed = weights @ value

pooling = torch.softmax(score(torch.tanh(states)), dim=1)
pooled = (pooling * states).sum(dim=1)
by_product = torch.bmm(torch.softmax(score(states).squeeze(-1), dim=1).unsqueeze(1), states).squeeze(1)

linear = torch.softmax(query, dim=-1) @ (torch.softmax(key, dim=1).transpose(1, 2) @ value)

slots = to_query(torch.randn(batch, 4, width))
assigned = torch.softmax(slots @ key.transpose(1, 2), dim=1) + 1e-8
updates = (assigned / assigned.sum(dim=-1, keepdim=True)) @ value

clusters = torch.softmax(nn.Linear(width, 3)(states), dim=-1)
pooled_graph = clusters.transpose(1, 2) @ states

similarity = states @ states.transpose(1, 2)
rows, columns = similarity.softmax(dim=2), similarity.softmax(dim=1)
both_ways = (rows @ columns.transpose(1, 2)) @ states

heads = nn.MultiheadAttention(width, 2, batch_first=True)
attended, _ = heads(states, states, states, need_weights=False)
gate = torch.sigmoid(score(states)) * states
