import torch
from torch import nn


class Attn(nn.Module):
    def __init__(self, hid):
        super().__init__()
        self.w = nn.Linear(2 * hid, hid)
        self.v = nn.Linear(hid, 1)

    def forward(self, hidden, outputs):
        _n, t, _h = outputs.shape
        hidden = hidden.repeat(t, 1, 1)
        energy = torch.tanh(self.w(torch.cat((hidden, outputs), dim=2)))
        return self.v(energy).squeeze(-1).softmax(1)


enc = nn.GRU(8, 12, batch_first=True)
outputs, hidden = enc(torch.rand(4, 7, 8))
print(Attn(12)(hidden, outputs).shape)
