import torch
import torch.nn.functional as F
from torch import nn

LEVELS = {
    "heating": ["none", "gas", "electric", "district"],
    "roof": ["flat", "gable", "hip"],
}
NUMERIC = ["area", "year"]


def fake_rows(n, heating, seed):
    gen = torch.Generator().manual_seed(seed)
    rows = []
    for k in range(n):
        area, year = torch.rand(2, generator=gen).tolist()
        rows.append(
            {
                "area": area,
                "year": year,
                "heating": heating[k % len(heating)],
                "roof": LEVELS["roof"][k % 3],
                "price": 2 * area + year,
            }
        )
    return rows


def featurise(rows):
    parts = [torch.tensor([[r[c] for c in NUMERIC] for r in rows])]
    for name, levels in LEVELS.items():
        codes = torch.tensor([levels.index(r[name]) for r in rows])
        parts.append(F.one_hot(codes).float())
    return torch.cat(parts, dim=1), torch.tensor([r["price"] for r in rows])


class PriceModel:
    def __init__(self, hidden=16):
        self.hidden = hidden

    def fit(self, rows, epochs=20):
        x, y = featurise(rows)
        self.net = nn.Sequential(nn.Linear(x.size(1), self.hidden), nn.ReLU(), nn.Linear(self.hidden, 1))
        opt = torch.optim.Adam(self.net.parameters(), 0.01)
        for _ in range(epochs):
            loss = F.mse_loss(self.net(x).squeeze(1), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        return loss.item()

    @torch.no_grad()
    def predict(self, rows):
        x, _ = featurise(rows)
        return self.net(x).squeeze(1)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = PriceModel()
    print("train mse %.3f" % model.fit(fake_rows(48, LEVELS["heating"], seed=0)))
    print("predicted", model.predict(fake_rows(6, ["gas", "none", "electric"], seed=1)))
