"""A character model with a position table: training on blocks, generation with the context cropped."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
CONTEXT, VOCABULARY, WIDTH = 8, 20, 16


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fused, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("causal", torch.tril(torch.ones(CONTEXT, CONTEXT)).bool())

    def forward(self, x):
        batch, length, _ = x.shape
        query, key, value = self.fused(x).view(batch, length, 3, 2, WIDTH // 2).permute(2, 0, 3, 1, 4)
        scores = (query @ key.transpose(-2, -1)).masked_fill(~self.causal[:length, :length], float("-inf"))
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        return x + self.out(mixed)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.block, self.head = Block(), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids):
        return self.head(self.block(self.tokens(ids) + self.positions(torch.arange(ids.size(1)))))


model, data = Model(), torch.randint(0, VOCABULARY, (64,))
optimizer = torch.optim.AdamW(model.parameters())
for _ in range(3):
    starts = torch.randint(len(data) - CONTEXT, (4,)).tolist()
    inputs = torch.stack([data[i : i + CONTEXT] for i in starts])
    wanted = torch.stack([data[i + 1 : i + CONTEXT + 1] for i in starts])
    loss = functional.cross_entropy(model(inputs).flatten(0, 1), wanted.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    ids = data[:5].unsqueeze(0)
    for _ in range(12):
        probabilities = model(ids[:, -CONTEXT:])[:, -1].softmax(-1)
        ids = torch.cat([ids, torch.multinomial(probabilities, 1)], dim=1)
