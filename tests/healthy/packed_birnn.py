import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence


class BiEncoder(nn.Module):
    def __init__(self, vocab=30, dim=12, hidden=20):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.rnn = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.emb(ids), lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.rnn(packed)
        return torch.cat([h[-2], h[-1]], dim=1)


torch.manual_seed(8)
names = ["anna", "christopher", "li", "oleksandra"]
rows = [torch.tensor([ord(c) - 96 for c in n]) for n in names]
enc = BiEncoder().eval()
with torch.no_grad():
    vecs = enc(pad_sequence(rows, batch_first=True), torch.tensor([len(r) for r in rows]))
print("embedding sum of", names[2], round(vecs[2].sum().item(), 5))
