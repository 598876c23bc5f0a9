import torch
from torch import nn


class BiEncoder(nn.Module):
    def __init__(self, vocab=30, dim=12, hidden=20):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.rnn = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)
        self.hidden = hidden

    def forward(self, ids, lengths):
        out, _ = self.rnn(self.emb(ids))
        last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, self.hidden)
        fwd = out[..., : self.hidden].gather(1, last).squeeze(1)
        back = out[:, 0, self.hidden :]
        return torch.cat([fwd, back], dim=1)


torch.manual_seed(14)
names = ["anna", "christopher", "li", "oleksandra"]
lengths = torch.tensor([len(n) for n in names])
ids = torch.zeros(len(names), int(lengths.max()), dtype=torch.long)
for i, n in enumerate(names):
    ids[i, : len(n)] = torch.tensor([ord(c) - 96 for c in n])
enc = BiEncoder().eval()
with torch.no_grad():
    vecs = enc(ids, lengths)
print("embedding sum of", names[2], round(vecs[2].sum().item(), 5))
