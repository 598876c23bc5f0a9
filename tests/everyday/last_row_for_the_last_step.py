"""The last step of a recurrent layer beside a table: the layer takes the length first, and so does the index."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(10, 32)
        self.fc = nn.Linear(38, 2)

    def forward(self, x, meta):
        out, _ = self.rnn(x)
        last = out[-1]
        return self.fc(torch.cat([last, meta], dim=1))


print(Net()(torch.randn(4, 9, 10), torch.randn(4, 6)).shape)
