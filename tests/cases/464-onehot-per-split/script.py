import random

import torch
from torch import nn

CATEGORICAL = ("division", "department", "channel")
NUMERICAL = ("age", "feedback")


def make_rows(n, seed):
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        row = {
            "division": rng.choice(["General", "Petite", "Intimates"]),
            "department": rng.choices(["Tops", "Dresses", "Bottoms", "Jackets", "Trend"], [8, 6, 5, 3, 1])[0],
            "channel": rng.choice(["web", "store"]),
            "age": rng.uniform(18, 80), "feedback": float(rng.randint(0, 20)),
        }
        row["label"] = int(row["feedback"] > 8) ^ int(rng.random() < 0.1)
        rows.append(row)
    return rows


class TabularFeatures:
    def __init__(self, rows):
        self.rows = rows
        self.levels = {name: sorted({r[name] for r in rows}) for name in CATEGORICAL}

    def categorical(self):
        columns = []
        for name in CATEGORICAL:
            for level in self.levels[name]:
                columns.append([float(r[name] == level) for r in self.rows])
        return torch.tensor(columns).T

    def numerical(self):
        values = torch.tensor([[r[name] for name in NUMERICAL] for r in self.rows])
        return (values - torch.tensor([45.0, 10.0])) / torch.tensor([20.0, 6.0])

    def tensors(self):
        return self.categorical(), self.numerical(), torch.tensor([r["label"] for r in self.rows])


def load_data(rows):
    return TabularFeatures(rows).tensors()


class Combiner(nn.Module):
    def __init__(self, cat_dim, num_dim, hidden=16):
        super().__init__()
        self.cat_layer = nn.Linear(cat_dim, hidden)
        self.num_layer = nn.Linear(num_dim, hidden)
        self.classifier = nn.Sequential(nn.ReLU(), nn.Linear(2 * hidden, 2))

    def forward(self, cat, num):
        return self.classifier(torch.cat([self.cat_layer(cat), self.num_layer(num)], dim=1))


def main():
    torch.manual_seed(0)
    train_rows, test_rows = make_rows(200, seed=1), make_rows(15, seed=8)
    cat, num, label = load_data(train_rows)
    model = Combiner(cat.size(1), num.size(1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(cat, num), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"train loss {loss.item():.3f} with {cat.size(1)} one-hot columns")
    cat, num, label = load_data(test_rows)
    accuracy = (model(cat, num).argmax(1) == label).float().mean()
    print(f"test accuracy {accuracy.item():.2f}")


if __name__ == "__main__":
    main()
