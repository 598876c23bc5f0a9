import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vocab=70, width=24, tags=5, window=8):
        super().__init__()
        self.window = window
        self.embed = nn.Embedding(vocab, width)
        self.mix = nn.Linear(width, tags)

    def forward(self, ids):
        return self.mix(self.embed(ids))

    def tag(self, ids):
        parts = [self(ids[:, start : start + self.window]) for start in range(0, ids.shape[1], self.window)]
        return torch.cat(parts).argmax(-1)


torch.manual_seed(0)
model = Tagger()
print(model.tag(torch.randint(0, 70, (2, 16))).shape)
print(model.tag(torch.randint(0, 70, (2, 21))).shape)
