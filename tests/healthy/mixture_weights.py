import math

import torch

torch.manual_seed(1)
data = torch.cat([torch.randn(150, 2) - 3, torch.randn(250, 2) + 2])
k = 2
means = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
log_pi = torch.full((k,), -math.log(k))

for _it in range(15):
    sq = (data.unsqueeze(0) - means.unsqueeze(1)).pow(2).sum(dim=-1)
    logp = log_pi.unsqueeze(1) - 0.5 * sq
    resp = torch.softmax(logp, dim=0)
    mass = resp.sum(dim=1)
    means = (resp @ data) / mass.unsqueeze(1)
    log_pi = (mass / data.size(0)).log()
ll = torch.logsumexp(logp, dim=0).mean()
print("weights", [round(v, 3) for v in log_pi.exp().tolist()], "ll", round(ll.item(), 4))
