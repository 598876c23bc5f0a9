import random
from collections import namedtuple

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

AMINO = "ACDEFGHIKLMNPQRSTVWY"
Pair = namedtuple("Pair", "receptor ligand binds")


def simulate(n, seed):
    rng = random.Random(seed)
    receptors = {f"TCR{i:03d}": "".join(rng.choices(AMINO, k=12)) for i in range(60)}
    ligands = {f"EP{i:02d}": "".join(rng.choices(AMINO, k=9)) for i in range(12)}
    pairs = []
    for _ in range(n):
        r, l = rng.choice(list(receptors)), rng.choice(list(ligands))
        shared = len(set(receptors[r]) & set(ligands[l]))
        pairs.append(Pair(r, l, int(shared >= 5)))
    return receptors, ligands, pairs


class AffinityDataset(Dataset):
    def __init__(self, pairs, receptors, ligands):
        self.receptors, self.ligands = receptors, ligands
        self.kept = [i for i, p in enumerate(pairs) if p.receptor in receptors and p.ligand in ligands]
        self.pairs = [pairs[i] for i in self.kept]

    def counts(self, sequence):
        return torch.tensor([float(sequence.count(a)) for a in AMINO]).clamp(max=1.0)

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        pair = self.pairs[i]
        return self.counts(self.receptors[pair.receptor]), self.counts(self.ligands[pair.ligand]), float(pair.binds)


class BimodalScorer(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.receptor, self.ligand = nn.Linear(20, dim), nn.Linear(20, dim)
        self.out = nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, r, l):
        return self.out(self.receptor(r) * self.ligand(l)).squeeze(-1)


def fit(model, loader, epochs=12):
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(epochs):
        for r, l, y in loader:
            loss = nn.functional.binary_cross_entropy_with_logits(model(r, l), y.float())
            opt.zero_grad()
            loss.backward()
            opt.step()


@torch.no_grad()
def predict(model, loader):
    return torch.cat([torch.sigmoid(model(r, l)) for r, l, _ in loader])


def roc_auc(scores, labels):
    pos, neg = scores[labels == 1], scores[labels == 0]
    return (pos[:, None] > neg[None, :]).float().mean().item()


def evaluate(model, pairs, receptors, ligands):
    dataset = AffinityDataset(pairs, receptors, ligands)
    scores = predict(model, DataLoader(dataset, batch_size=32))
    labels = torch.tensor([p.binds for p in pairs])
    labels = labels[dataset.kept]
    return roc_auc(scores, labels)


if __name__ == "__main__":
    torch.manual_seed(0)
    receptors, ligands, pairs = simulate(700, seed=0)
    train, test = pairs[:500], pairs[500:]
    model = BimodalScorer()
    fit(model, DataLoader(AffinityDataset(train, receptors, ligands), batch_size=32, shuffle=True))
    print("validation auc %.3f" % evaluate(model, train[-100:], receptors, ligands))
    known = {name: seq for name, seq in receptors.items() if int(name[3:]) % 9}
    print("test auc       %.3f" % evaluate(model, test, known, ligands))
