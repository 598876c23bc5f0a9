"""An RNN over packed sequences, and one whose hidden state is carried from chunk to chunk."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(0)
rows = [torch.randn(length, 5) for length in (7, 4, 6)]
lengths = torch.tensor([7, 4, 6])
lstm = nn.LSTM(5, 8, num_layers=2, batch_first=True, bidirectional=True)
packed = pack_padded_sequence(pad_sequence(rows, batch_first=True), lengths, batch_first=True, enforce_sorted=False)
states, (hidden, _) = lstm(packed)
padded, _ = pad_packed_sequence(states, batch_first=True)
summary = torch.cat([hidden[-2], hidden[-1]], dim=1)

gru, state = nn.GRU(5, 8, batch_first=True), None
for chunk in torch.randn(3, 12, 5).split(4, dim=1):
    out, state = gru(chunk, state)
    state = state.detach()
