import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 8, padding_idx=0)
        self.gru = nn.GRU(8, 16, batch_first=True)
        self.att = nn.Linear(16, 1)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.embed(ids), lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        scores = self.att(out).squeeze(-1)
        scores = scores.masked_fill(ids == 0, float("-inf"))
        return torch.softmax(scores, 1)


MAX_LEN = 20
ids = torch.zeros(4, MAX_LEN, dtype=torch.long)
lengths = torch.tensor([12, 5, 9, 3])
for row, n in enumerate(lengths):
    ids[row, :n] = torch.randint(1, 50, (int(n),))
print(Encoder()(ids, lengths).shape)
