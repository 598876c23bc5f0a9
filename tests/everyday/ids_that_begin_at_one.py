import torch
from torch import nn

words = ["the", "cat", "sat", "on", "the", "mat"]
stoi = {w: i + 1 for i, w in enumerate(sorted(set(words)))}
ids = torch.tensor([stoi[w] for w in words])
embed = nn.Embedding(len(stoi), 8)
head = nn.Linear(8, len(stoi))
x, y = ids[:-1], ids[1:]
loss = nn.functional.cross_entropy(head(embed(x)), y)
