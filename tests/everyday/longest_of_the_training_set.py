import random

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)


def make_stories(n, low, high, vocab=30, words=5):
    out = []
    for _ in range(n):
        k = random.randint(low, high)
        out.append((torch.randint(1, vocab, (k, words)), torch.randint(1, vocab, (words,)), random.randrange(vocab)))
    return out


class MemN2N(nn.Module):
    def __init__(self, vocab, dim, slots, hops=2):
        super().__init__()
        self.a = nn.Embedding(vocab, dim)
        self.c = nn.Embedding(vocab, dim)
        self.ta = nn.Parameter(0.1 * torch.randn(slots, dim))
        self.hops = hops
        self.out = nn.Linear(dim, vocab)

    def forward(self, story, query):
        u = self.a(query).sum(0)
        m = self.a(story).sum(1) + self.ta[: len(story)]
        c = self.c(story).sum(1)
        for _ in range(self.hops):
            p = (m @ u).softmax(0)
            u = u + p @ c
        return self.out(u)


train, test = make_stories(40, 2, 8), make_stories(20, 2, 12)
slots = max(len(story) for story, _, _ in train)
model = MemN2N(30, 16, slots)
opt = torch.optim.Adam(model.parameters(), 1e-2)
for epoch in range(2):
    for story, query, answer in train:
        loss = nn.functional.cross_entropy(model(story, query)[None], torch.tensor([answer]))
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("epoch", epoch, loss.item())
with torch.no_grad():
    right = sum(model(s, q).argmax().item() == a for s, q, a in test)
print("accuracy", right / len(test))
