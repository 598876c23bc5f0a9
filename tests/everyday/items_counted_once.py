import random

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

random.seed(5)
torch.manual_seed(5)
torch.set_num_threads(1)


def read_ratings(n=400):
    catalogue = random.sample(range(70), 55)
    return [(random.randrange(30), random.choice(catalogue), random.randint(1, 5)) for _ in range(n)]


def prepare(rows):
    users = sorted({r[0] for r in rows})
    remap = {u: i for i, u in enumerate(users)}
    u = [remap[r[0]] for r in rows]
    items = [r[1] for r in rows]
    n_items = len({r[1] for r in rows})
    stars = torch.tensor([float(r[2]) for r in rows])
    return torch.tensor(u), torch.tensor(items), stars, len(users), n_items


class MatrixFactorisation(nn.Module):
    def __init__(self, users, items, k=16):
        super().__init__()
        self.user, self.item = nn.Embedding(users, k), nn.Embedding(items, k)
        self.user_bias, self.item_bias = nn.Embedding(users, 1), nn.Embedding(items, 1)

    def forward(self, u, i):
        dot = (self.user(u) * self.item(i)).sum(1)
        return dot + self.user_bias(u).squeeze(1) + self.item_bias(i).squeeze(1)


u, i, r, n_users, n_items = prepare(read_ratings())
model = MatrixFactorisation(n_users, n_items)
opt = torch.optim.Adagrad(model.parameters(), lr=0.05)
for step, (ub, ib, rb) in enumerate(DataLoader(TensorDataset(u, i, r - r.mean()), batch_size=2)):
    loss = nn.functional.mse_loss(model(ub, ib), rb)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, round(loss.item(), 3))
