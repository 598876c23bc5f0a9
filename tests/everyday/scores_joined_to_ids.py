import torch
from torch import nn

model = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 20))
ids = torch.tensor([[3]])
ids = model(ids)[:, -1:].argmax(-1)
for _ in range(3):
    logits = model(ids)
    ids = torch.cat([ids, logits[:, -1:]], dim=1)
