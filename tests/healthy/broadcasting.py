"""Broadcasting that is meant: outer products, distances, positions, masks, grids, row-wise scaling."""

import torch

torch.manual_seed(0)
points, others = torch.randn(6, 3), torch.randn(6, 3)
distances = (points[:, None, :] - others[None, :, :]).pow(2).sum(-1).sqrt()
nearest = distances.min(dim=1).values.mean()

ages = torch.rand(8)
gaps = (ages[:, None] - ages).abs().mean()
column = ages.unsqueeze(1)
kernel = torch.exp(-((column - ages) ** 2)).mean()

times = torch.arange(8) / 8
frequency = torch.randint(1, 4, (8, 1)).float()
waves = torch.sin(frequency * times)

labels = torch.randint(0, 3, (8,))
same = (labels.view(-1, 1) == labels.view(1, -1)).float()
positives = same.sum(1)

queries, keys = torch.arange(5), torch.arange(5)
causal = keys <= queries.unsqueeze(1)
relative = (queries.unsqueeze(1) - keys).clamp(-3, 3)

table = torch.randn(8, 8)
scaled = table / table.norm(dim=1, keepdim=True) * torch.rand(8)
standardised = (table - table.mean(dim=0)) / table.std(dim=0)
outer = torch.outer(torch.rand(4), torch.rand(4)).sum()
