import torch
import torch.nn.functional as F
from torch import nn


def nt_xent(z, n, temperature=0.2):
    sim = z @ z.t() / temperature
    sim = sim.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    pos = torch.cat([torch.arange(n, 2 * n), torch.arange(0, n)])
    return F.cross_entropy(sim, pos)


torch.manual_seed(6)
base = torch.randn(512, 20)
proj = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
opt = torch.optim.Adam(proj.parameters(), lr=1e-3)
for _step in range(40):
    idx = torch.randperm(512)[:64]
    views = torch.cat([base[idx] + 0.1 * torch.randn(64, 20), base[idx] + 0.1 * torch.randn(64, 20)])
    z = F.normalize(proj(views), dim=0)
    loss = nt_xent(z, 64)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("contrastive loss", round(loss.item(), 4))
