import torch
from torch import nn


class TextCNN(nn.Module):
    def __init__(self, vocab=40, dim=16, out=8):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.conv = nn.Conv1d(dim, out, 3)
        self.fc = nn.Linear(out, 2)

    def forward(self, ids):
        x = self.embed(ids)
        x = self.conv(x).relu()
        return self.fc(x.max(-1).values)


print(TextCNN()(torch.randint(0, 40, (4, 11))).shape)
