import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vocab, dim, hidden):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.lstm = nn.LSTM(dim, hidden, bidirectional=True, batch_first=True)
        self.out = nn.Linear(hidden, 5)

    def forward(self, ids):
        out, _ = self.lstm(self.embed(ids))
        return self.out(out[:, -1])


print(Tagger(50, 16, 24)(torch.randint(0, 50, (4, 7))).shape)
