import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

seqs = [torch.randn(n, 8) for n in (5, 3, 7, 2)]
lengths = torch.tensor([len(s) for s in seqs])
padded = pad_sequence(seqs)
lstm = nn.LSTM(8, 16, batch_first=True)
packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
out, _ = lstm(packed)
