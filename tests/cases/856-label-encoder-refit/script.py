import torch
from torch import nn

PLANS = "basic plus family student".split()
CITIES = "oslo bergen tromso bodo hamar lillehammer molde narvik".split()
DEVICES = "ios android web".split()
FIELDS = ["plan", "city", "device"]


def make_rows(n, cities, seed):
    gen = torch.Generator().manual_seed(seed)
    pick = lambda options: options[torch.randint(len(options), (1,), generator=gen).item()]
    rows = [{"plan": pick(PLANS), "city": pick(cities), "device": pick(DEVICES)} for _ in range(n)]
    for row in rows:
        row["churn"] = float(row["plan"] == "basic" or row["city"] == "oslo")
    return rows


class LabelEncoder:
    def fit(self, values):
        self.classes = sorted(set(values))
        self.index = {value: i for i, value in enumerate(self.classes)}
        return self

    def transform(self, values):
        return torch.tensor([self.index[v] for v in values])


def fit_encoders(rows):
    return {field: LabelEncoder().fit([row[field] for row in rows]) for field in FIELDS}


def encode(rows, encoders):
    return torch.stack([encoders[field].transform([row[field] for row in rows]) for field in FIELDS], dim=1)


class FactorizationMachine(nn.Module):
    def __init__(self, vocabulary_sizes, dim=8):
        super().__init__()
        self.linear = nn.ModuleList(nn.Embedding(size, 1) for size in vocabulary_sizes)
        self.factors = nn.ModuleList(nn.Embedding(size, dim) for size in vocabulary_sizes)

    def forward(self, x):
        first = sum(table(x[:, i]) for i, table in enumerate(self.linear)).squeeze(1)
        v = torch.stack([table(x[:, i]) for i, table in enumerate(self.factors)], dim=1)
        second = 0.5 * (v.sum(1) ** 2 - (v ** 2).sum(1)).sum(1)
        return torch.sigmoid(first + second)


def fit(model, x, y, epochs=20):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(epochs):
        loss = nn.functional.binary_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    train, current = make_rows(80, CITIES[:5], seed=1), make_rows(30, CITIES, seed=2)
    encoders = fit_encoders(train)
    model = FactorizationMachine([len(encoders[field].classes) for field in FIELDS])
    target = torch.tensor([row["churn"] for row in train])
    print("train loss %.4f" % fit(model, encode(train, encoders), target))
    encoders = fit_encoders(current)
    with torch.no_grad():
        scores = model(encode(current, encoders))
    print("at risk", int((scores > 0.5).sum()), "of", len(current))
