import torch
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.head = nn.Embedding(20, 8), nn.Linear(8, 20)

    def forward(self, ids):
        x = self.emb(ids)
        rows, length, _ = x.shape
        return self.head(x.reshape(rows * length, -1)).view(rows, length, -1)[:, -1]


model, step = Model(), torch.tensor([[1, 2, 3]])
for _ in range(3):
    step = model(step).argmax(-1)
