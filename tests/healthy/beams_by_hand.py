"""A beam search by hand: probabilities over words are flattened with the beams before the best are chosen."""

from __future__ import annotations

import torch
from torch import nn

torch.manual_seed(0)
BATCH, BEAMS, WORDS = 3, 4, 11
model = nn.Sequential(nn.Embedding(WORDS, 16), nn.Linear(16, WORDS))
last = torch.randint(0, WORDS, (BATCH * BEAMS, 1))
scores = torch.full((BATCH, BEAMS), -1e9)
scores[:, 0] = 0.0
with torch.no_grad():
    for _ in range(3):
        told = model(last)[:, -1].log_softmax(-1)  # (batch * beams, words)
        total = (scores.view(-1, 1) + told).view(BATCH, -1)  # (batch, beams * words)
        scores, flat = total.topk(BEAMS, dim=1)
        last = (flat % WORDS).view(-1, 1)
print(last.shape)
