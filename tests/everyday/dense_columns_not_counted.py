"""Click model: factorisation machine plus a deep tower."""

import torch
from torch import nn

FIELDS = {"site": 12, "device": 4, "hour": 24, "advertiser": 30}
DENSE = ["bid", "age", "dwell"]


def mlp(sizes):
    for a, b in zip(sizes, sizes[1:]):
        yield nn.Linear(a, b)
        yield nn.ReLU()


class DeepFM(nn.Module):
    def __init__(self, vocab, n_dense, k=6, hidden=(32, 16)):
        super().__init__()
        self.tables = nn.ModuleDict({f: nn.Embedding(n, k) for f, n in vocab.items()})
        self.first = nn.ModuleDict({f: nn.Embedding(n, 1) for f, n in vocab.items()})
        self.dense_first = nn.Linear(n_dense, 1)
        deep_in = len(vocab) * k
        self.deep = nn.Sequential(*mlp([deep_in, *hidden]), nn.Linear(hidden[-1], 1))

    def forward(self, cats, dense):
        emb = torch.stack([table(cats[f]) for f, table in self.tables.items()], dim=1)
        linear = sum(t(cats[f]) for f, t in self.first.items()) + self.dense_first(dense)
        pair = 0.5 * (emb.sum(1).pow(2) - emb.pow(2).sum(1)).sum(1, keepdim=True)
        x = torch.cat([emb.flatten(1), dense], dim=1)
        return (linear + pair + self.deep(x)).squeeze(1)


def impressions(n, batch):
    g = torch.Generator().manual_seed(3)
    for _ in range(n // batch):
        cats = {f: torch.randint(0, v, (batch,), generator=g) for f, v in FIELDS.items()}
        dense = torch.rand(batch, len(DENSE), generator=g)
        yield cats, dense, (dense[:, 0] > 0.6).float()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = DeepFM(FIELDS, len(DENSE))
    opt = torch.optim.Adam(model.parameters(), 1e-2)
    for cats, dense, click in impressions(128, 32):
        loss = nn.functional.binary_cross_entropy_with_logits(model(cats, dense), click)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("logloss", round(loss.item(), 4))
