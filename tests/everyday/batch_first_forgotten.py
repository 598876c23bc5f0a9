import torch
from torch import nn


class Forecaster(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTM(1, hidden)

    def forward(self, x):
        state = torch.zeros(1, x.size(0), self.hidden), torch.zeros(1, x.size(0), self.hidden)
        return self.lstm(x, state)[0][:, -1]


Forecaster()(torch.rand(32, 24, 1))
