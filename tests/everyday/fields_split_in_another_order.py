import torch
from torch import nn


class ClickModel(nn.Module):
    def __init__(self, sizes, dim=8):
        super().__init__()
        self.emb = nn.Embedding(sum(sizes), dim)
        offs = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("offs", offs)
        self.mlp = nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, cats):
        batch, fields = cats.shape
        flat = (cats + self.offs).reshape(-1)
        vecs = self.emb(flat).view(fields, batch, -1)
        return self.mlp(vecs.sum(dim=0)).squeeze(-1)


torch.manual_seed(31)
sizes = [7, 24, 12, 31, 5]
cats = torch.stack([torch.randint(0, s, (400,)) for s in sizes], dim=1)
clicks = ((cats[:, 0] + cats[:, 4]) % 2).float()
model = ClickModel(sizes)
opt = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(60):
    loss = nn.functional.binary_cross_entropy_with_logits(model(cats), clicks)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("logloss", round(loss.item(), 4))
