import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, vocab=30, d=16):
        super().__init__()
        self.emb, self.enc, self.dec = nn.Embedding(vocab, d), nn.GRU(d, d, batch_first=True), nn.GRUCell(d, d)
        self.out = nn.Linear(d, vocab)

    def forward(self, src, trg):
        _, h = self.enc(self.emb(src))
        h, steps = h[0], []
        for t in range(trg.size(1) - 1):
            h = self.dec(self.emb(trg[:, t]), h)
            steps.append(self.out(h))
        return torch.stack(steps, 1)


src, trg = torch.randint(0, 30, (4, 7)), torch.randint(0, 30, (4, 6))
logits = Seq2Seq()(src, trg)
loss = nn.functional.cross_entropy(logits.reshape(-1, 30), trg.reshape(-1))
print(loss)
