import torch
from torch import nn


class Words(nn.Module):
    def __init__(self, vocab=30, dim=8):
        super().__init__()
        self.table = nn.Embedding(vocab, dim, padding_idx=0)

    def forward(self, ids):
        return self.table(ids)


Words()(torch.tensor([[5, 44, 7]]))
