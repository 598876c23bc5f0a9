import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vocab, dim, hidden, layers=2, bidirectional=True):
        super().__init__()
        self.hidden, self.layers = hidden, layers
        self.embed = nn.Embedding(vocab, dim)
        self.lstm = nn.LSTM(dim, hidden, layers, bidirectional=bidirectional, batch_first=True)
        self.out = nn.Linear(2 * hidden, 5)

    def init_hidden(self, batch):
        return torch.zeros(self.layers, batch, self.hidden), torch.zeros(self.layers, batch, self.hidden)

    def forward(self, ids):
        h = self.init_hidden(ids.size(0))
        out, _ = self.lstm(self.embed(ids), h)
        return self.out(out)


print(Tagger(50, 16, 24)(torch.randint(0, 50, (4, 7))).shape)
