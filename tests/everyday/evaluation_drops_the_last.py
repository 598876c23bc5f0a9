"""Evaluate an intent classifier and count the hits over the whole test file."""

import collections

import torch
from torch import nn
from torch.utils.data import DataLoader

INTENTS = ["play", "pause", "skip"]


def read_rows(n=22, seed=1):
    gen = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=gen)
    centres = torch.eye(3, 12) * 4
    feats = centres[labels] + torch.randn(n, 12, generator=gen) * 0.3
    return list(zip(feats, labels.tolist(), strict=True))


def loader_for(rows, **options):
    settings = dict(batch_size=8, drop_last=True, num_workers=0)
    return DataLoader(rows, **(settings | options))


def fit(model, loader, epochs=30):
    opt = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(epochs):
        for feats, labels in loader:
            opt.zero_grad()
            nn.functional.cross_entropy(model(feats), labels).backward()
            opt.step()
    return model.eval()


@torch.no_grad()
def predict(model, loader):
    for feats, _ in loader:
        yield from model(feats).argmax(-1).tolist()


def evaluate(model, rows):
    hits, seen = collections.Counter(), collections.Counter(label for _, label in rows)
    for (_, label), guess in zip(rows, predict(model, loader_for(rows))):
        hits[label] += int(label == guess)
    for i, name in enumerate(INTENTS):
        print(f"{name:6} {hits[i]}/{seen[i]}")
    print(f"accuracy {sum(hits.values()) / len(rows):.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
    evaluate(fit(net, loader_for(read_rows(64, seed=2), shuffle=True)), read_rows())
