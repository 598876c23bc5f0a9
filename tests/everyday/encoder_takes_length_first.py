import torch
from torch import nn


class LM(nn.Module):
    def __init__(self, vocab=30, d=16):
        super().__init__()
        self.e = nn.Embedding(vocab, d)
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(d, 4, 32), 2, enable_nested_tensor=False)

    def mask(self, n):
        return torch.triu(torch.full((n, n), float("-inf")), 1)

    def forward(self, ids):
        x = self.e(ids)
        return self.enc(x, self.mask(x.size(1)))


print(LM()(torch.randint(0, 30, (3, 7))).shape)
