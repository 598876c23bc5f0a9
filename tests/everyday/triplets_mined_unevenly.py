import random

import torch
from torch import nn

random.seed(2)
torch.manual_seed(2)
torch.set_num_threads(1)


class Embedder(nn.Module):
    def __init__(self, inputs=20, dim=8):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, dim))

    def forward(self, x):
        return nn.functional.normalize(self.net(x), dim=1)


def mine(emb, labels, margin=0.3):
    dist = torch.cdist(emb, emb).detach()
    anchors, pos, neg = [], [], []
    for i, y in enumerate(labels.tolist()):
        same = [j for j, z in enumerate(labels.tolist()) if z == y and j != i]
        if not same:
            continue
        pos.append(random.choice(same))
        limit = dist[i, pos[-1]] + margin
        other = [j for j in range(len(labels)) if labels[j] != y and dist[i, j] < limit]
        if not other:
            continue
        anchors.append(i)
        neg.append(min(other, key=lambda j: float(dist[i, j])))
    return anchors, pos, neg


def triplet_loss(emb, triplets, margin=0.3):
    a, p, n = (emb[idx] for idx in triplets)
    d_pos = (a - p).pow(2).sum(1)
    d_neg = (a - n).pow(2).sum(1)
    return (d_pos - d_neg + margin).relu().mean()


centres = 3 * torch.randn(4, 20)
model = Embedder()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(60):
    labels = torch.randint(0, 4, (24,))
    emb = model(centres[labels] + torch.randn(24, 20))
    loss = triplet_loss(emb, mine(emb, labels))
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, loss.item())
