import math

import torch
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=100):
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div)
        pe[:, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class Net(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.pos = PositionalEncoding(features)
        self.enc = nn.TransformerEncoderLayer(features, 1, batch_first=True)

    def forward(self, x):
        return self.enc(self.pos(x))


model = Net(features=7)
print(model(torch.randn(4, 10, 7)).shape)
