from collections import namedtuple

import numpy as np
import torch
import torch.nn as nn

SparseFeat = namedtuple("SparseFeat", "name vocabulary_size embedding_dim")


class LabelEncoder:
    def fit(self, values):
        self.classes_ = {v: i for i, v in enumerate(dict.fromkeys(values))}
        return self

    def transform(self, values):
        return np.array([self.classes_[v] for v in values])


def churn_log(n=160):
    rng = np.random.default_rng(4)
    day = np.arange(n) // 20
    return {
        "plan": rng.choice(["basic", "plus", "family"], n),
        "agent": np.array([f"agent_{rng.integers(0, 9 + 3 * d)}" for d in day]),
        "region": rng.choice(["n", "s", "e", "w", "c"], n),
        "label": (rng.random(n) < 0.35).astype(np.float32),
    }


class DeepFM(nn.Module):
    def __init__(self, columns, hidden=16):
        super().__init__()
        self.columns = columns
        self.embedding_dict = nn.ModuleDict({c.name: nn.Embedding(c.vocabulary_size, c.embedding_dim) for c in columns})
        self.linear = nn.ModuleDict({c.name: nn.Embedding(c.vocabulary_size, 1) for c in columns})
        width = sum(c.embedding_dim for c in columns)
        self.dnn = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, X):
        first = sum(self.linear[c.name](X[:, i]) for i, c in enumerate(self.columns))
        emb = torch.stack([self.embedding_dict[c.name](X[:, i]) for i, c in enumerate(self.columns)], 1)
        fm = 0.5 * (emb.sum(1) ** 2 - (emb ** 2).sum(1)).sum(1, keepdim=True)
        return torch.sigmoid(first + fm + self.dnn(emb.flatten(1))).squeeze(1)

    def fit(self, X, y, batch_size, epochs):
        optim = torch.optim.Adagrad(self.parameters(), lr=0.05)
        for epoch in range(epochs):
            losses = []
            for idx in torch.randperm(len(X)).split(batch_size):
                loss = nn.functional.binary_cross_entropy(self(X[idx]), y[idx])
                optim.zero_grad()
                loss.backward()
                optim.step()
                losses.append(loss.item())
            print(f"Epoch {epoch + 1}/{epochs} loss: {np.mean(losses):.4f}")

    @torch.no_grad()
    def predict(self, X, batch_size):
        return torch.cat([self(part) for part in X.split(batch_size)])


def split(frame, cut):
    return ({k: v[:cut] for k, v in frame.items()}, {k: v[cut:] for k, v in frame.items()})


def main():
    torch.manual_seed(1024)
    sparse = ["plan", "agent", "region"]
    data = churn_log()
    for feat in sparse:
        data[feat] = LabelEncoder().fit(data[feat]).transform(data[feat])
    train, test = split(data, 120)
    columns = [SparseFeat(f, len(np.unique(data[f])), 4) for f in sparse]
    as_input = lambda part: torch.tensor(np.stack([part[f] for f in sparse], 1))
    model = DeepFM(columns)
    model.fit(as_input(train), torch.tensor(train["label"]), batch_size=32, epochs=2)
    pred = model.predict(as_input(test), batch_size=16)
    print("test rows", len(pred), "mean churn", round(pred.mean().item(), 4))


main()
