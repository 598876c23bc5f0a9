import torch
from torch import nn


class Enc(nn.Module):
    def __init__(self, vocab=30, d=16):
        super().__init__()
        self.e = nn.Embedding(vocab, d, padding_idx=0)
        self.layer = nn.TransformerEncoderLayer(d, 4, 32, batch_first=True)

    def forward(self, ids):
        mask = (ids == 0).transpose(0, 1)
        return self.layer(self.e(ids), src_key_padding_mask=mask)


print(Enc()(torch.randint(0, 30, (3, 7))).shape)
