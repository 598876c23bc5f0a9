from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

args = SimpleNamespace(batch=32, temp=0.2, epochs=2, dim=16)
torch.manual_seed(0)
torch.set_num_threads(1)


class NTXent(nn.Module):
    def __init__(self, n, temp=0.2):
        super().__init__()
        self.temp = temp
        self.register_buffer("same", torch.eye(2 * n, dtype=torch.bool))
        self.register_buffer("partner", torch.arange(2 * n).roll(n))

    def forward(self, a, b):
        z = F.normalize(torch.cat([a, b]), dim=1)
        sim = z @ z.T / self.temp
        sim = sim.masked_fill(self.same, float("-inf"))
        return F.cross_entropy(sim, self.partner)


class Encoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.proj = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, dim))

    def forward(self, x):
        return self.proj(self.body(x))


def augment(x):
    x = torch.flip(x, [3]) if torch.rand(()) < 0.5 else x
    return x + 0.1 * torch.randn_like(x)


images = torch.rand(200, 3, 24, 24)
loader = DataLoader(TensorDataset(images), batch_size=args.batch, shuffle=True)
model = Encoder(args.dim)
criterion = NTXent(args.batch)
opt = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(args.epochs):
    for (x,) in loader:
        loss = criterion(model(augment(x)), model(augment(x)))
        opt.zero_grad()
        loss.backward()
        opt.step()
