import torch
from torch import nn


class Drafter(nn.Module):
    def __init__(self, vocab=50, width=16):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(vocab, width), nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocab)
        self.scores, self.state = None, None

    def step(self, ids):
        seen = 0 if self.scores is None else self.scores.size(1)
        states, self.state = self.rnn(self.embed(ids[:, seen:]), self.state)
        new = self.head(states)
        if self.scores is None:
            self.scores = new
        else:
            self.scores = torch.cat([self.scores, new])
        return self.scores[:, -1].argmax(-1, keepdim=True)


torch.manual_seed(0)
drafter, ids = Drafter(), torch.randint(0, 50, (1, 6))
for _ in range(4):
    ids = torch.cat([ids, drafter.step(ids)], dim=1)
print(ids)
