"""Two loaders side by side: the shorter one is cycled, and two of one length are zipped."""

from itertools import cycle

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
labelled = DataLoader(TensorDataset(torch.randn(12, 4), torch.randn(12)), batch_size=2, shuffle=True)
raw = DataLoader(TensorDataset(torch.randn(6, 4)), batch_size=3)
seen = 0
for (inputs, _), (extra,) in zip(labelled, cycle(raw)):
    seen += len(inputs) + len(extra)
left, right = DataLoader(torch.randn(8, 2), batch_size=2), DataLoader(torch.randn(8, 3), batch_size=2)
for one, two in zip(left, right, strict=True):
    joined = torch.cat([one, two], dim=1)
first = next(iter(labelled))
for index, _batch in enumerate(labelled):
    if index == 1:
        break
