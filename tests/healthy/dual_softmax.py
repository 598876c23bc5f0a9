"""Matches that are the best both ways: the product of a softmax along either side (LoFTR)."""

import torch

torch.manual_seed(0)
ours, theirs = torch.randn(6, 16), torch.randn(9, 16)
scores = ours @ theirs.T
confidence = scores.softmax(0) * scores.softmax(1)
best = confidence.argmax(1)
certain = confidence.max(dim=1).values > 0.2
print(best[certain])
