"""Padded words in recurrent layers: packed, read at each row's own last step, and in one row that has no padding."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

torch.manual_seed(0)
texts = [torch.randint(1, 20, (n,)) for n in (5, 3, 7)]
ids, lengths = pad_sequence(texts, batch_first=True), torch.tensor([len(text) for text in texts])
table, layer = nn.Embedding(20, 8, padding_idx=0), nn.GRU(8, 6, batch_first=True)
_, packed = layer(pack_padded_sequence(table(ids), lengths, batch_first=True, enforce_sorted=False))
whole = packed[-1]
out, _ = layer(table(ids))
last = out[torch.arange(3), lengths - 1]
alone, state = layer(table(texts[0][None]))
score = alone[:, -1].sum() + state[-1].sum() + whole.sum() + last.sum()
