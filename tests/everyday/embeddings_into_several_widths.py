import torch
from torch import nn


class TextCNN(nn.Module):
    def __init__(self, vocab, dim, widths, channels):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.convs = nn.ModuleList(nn.Conv1d(dim, channels, w) for w in widths)
        self.out = nn.Linear(channels * len(widths), 2)

    def forward(self, ids):
        x = self.emb(ids)
        feats = [conv(x).relu().amax(-1) for conv in self.convs]
        return self.out(torch.cat(feats, 1))


model = TextCNN(200, 64, (3, 4, 5), 24)
print(model(torch.randint(0, 200, (4, 30))).shape)
