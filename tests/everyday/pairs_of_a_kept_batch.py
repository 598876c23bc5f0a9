import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, n_users, dim, batch):
        super().__init__()
        self.emb = nn.Embedding(n_users, dim)
        self.register_buffer("eye", torch.eye(batch))

    def forward(self, a, b):
        sim = self.emb(a) @ self.emb(b).t()
        return ((sim - self.eye) ** 2).mean()


model = Model(50, 8, 16)
ids = torch.randint(0, 50, (40, 2))
for chunk in ids.split(16):
    print(model(chunk[:, 0], chunk[:, 1]).item())
