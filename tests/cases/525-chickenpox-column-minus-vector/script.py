from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Snapshot:
    x: torch.Tensor
    edge_index: torch.Tensor
    y: torch.Tensor


class ChickenpoxSignal:
    """Weekly case counts of a ring of counties; the last `lags` weeks predict the next."""

    def __init__(self, counties=12, weeks=60, lags=4):
        gen = torch.Generator().manual_seed(11)
        level = torch.linspace(-2, 2, counties)
        season = torch.sin(torch.arange(weeks) / 6.0)
        self.cases = level + 0.5 * season[:, None] + 0.1 * torch.randn(weeks, counties, generator=gen)
        src = torch.arange(counties)
        self.edge_index = torch.stack([torch.cat([src, src]), torch.cat([(src + 1) % counties, (src - 1) % counties])])
        self.lags = lags

    def __iter__(self):
        for t in range(self.lags, len(self.cases)):
            yield Snapshot(self.cases[t - self.lags:t].t(), self.edge_index, self.cases[t])


class GraphConv(nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.root, self.neigh = nn.Linear(in_dim, out_dim), nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, x, edge_index):
        src, dst = edge_index
        agg = torch.zeros_like(x).index_add(0, dst, 0.5 * x[src])
        return self.root(x) + self.neigh(agg)


class RecurrentGCN(nn.Module):
    def __init__(self, node_features, filters=16):
        super().__init__()
        self.recurrent = GraphConv(node_features, filters)
        self.linear = nn.Linear(filters, 1)

    def forward(self, x, edge_index):
        return self.linear(F.relu(self.recurrent(x, edge_index)))


def evaluate(model, snapshots):
    cost = 0
    for snapshot in snapshots:
        y_hat = model(snapshot.x, snapshot.edge_index)
        cost = cost + torch.mean((y_hat - snapshot.y) ** 2)
    return cost / len(snapshots)


if __name__ == "__main__":
    torch.manual_seed(0)
    snapshots = list(ChickenpoxSignal())
    train, test = snapshots[:44], snapshots[44:]
    model = RecurrentGCN(node_features=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(40):
        cost = evaluate(model, train)
        cost.backward()
        optimizer.step()
        optimizer.zero_grad()
        if epoch % 10 == 9:
            print(f"epoch {epoch} cost {cost.item():.4f}")
    with torch.no_grad():
        print(f"test MSE {evaluate(model.eval(), test).item():.4f}")
