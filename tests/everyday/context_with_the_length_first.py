import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.attn = nn.Linear(hidden * 2, hidden)
        self.v = nn.Parameter(torch.rand(hidden))

    def forward(self, hidden, enc):
        # hidden (1, batch, hidden), enc (seq, batch, hidden)
        seq = enc.size(0)
        h = hidden.repeat(seq, 1, 1)
        energy = torch.tanh(self.attn(torch.cat([h, enc], 2)))
        scores = torch.matmul(energy, self.v).t()
        weights = torch.softmax(scores, 1).unsqueeze(1)
        return torch.bmm(weights, enc)


enc_rnn = nn.GRU(8, 16)
out, h = enc_rnn(torch.randn(7, 3, 8))
att = Attention(16)
print(att(h, out).shape)
