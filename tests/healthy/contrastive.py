"""Contrastive learning: softmax over the batch, in both directions, and a memory bank."""

import torch
from torch.nn import functional

torch.manual_seed(0)
images, texts = torch.nn.Linear(6, 8), torch.nn.Linear(5, 8)
left = functional.normalize(images(torch.randn(7, 6)), dim=-1)
right = functional.normalize(texts(torch.randn(7, 5)), dim=-1)
scores = left @ right.T / 0.1
target = torch.arange(7)
loss = (functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target)) / 2
which_text = scores.softmax(dim=1).argmax(dim=1)
which_image = scores.softmax(dim=0).argmax(dim=0)

bank = functional.normalize(torch.randn(12, 8), dim=1)
logits = torch.cat([(left * right).sum(1, keepdim=True), left @ bank.T], dim=1)
info = functional.cross_entropy(logits / 0.1, torch.zeros(7, dtype=torch.long))
(loss + info).backward()
