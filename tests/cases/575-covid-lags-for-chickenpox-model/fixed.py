import torch
from torch import nn


def ring_with_chords(nodes):
    a = torch.arange(nodes)
    return torch.stack([torch.cat([a, a, a]), torch.cat([a, (a + 1) % nodes, (a + 3) % nodes])])


class ChickenpoxLoader:
    nodes, lags, weeks, period = 20, 4, 60, 52

    def get_dataset(self):
        gen = torch.Generator().manual_seed(self.nodes)
        t = torch.arange(self.weeks + self.lags) / self.period
        phase = torch.rand(self.nodes, 1, generator=gen)
        cases = torch.sin(2 * torch.pi * (t + phase)) + 0.2 * torch.randn(self.nodes, len(t), generator=gen)
        windows = cases.unfold(1, self.lags + 1, 1).transpose(0, 1)
        return ring_with_chords(self.nodes), [(w[:, :-1], w[:, -1]) for w in windows]


class EnglandCovidLoader(ChickenpoxLoader):
    nodes, lags, weeks, period = 129, 8, 50, 30


LOADERS = {"chickenpox": ChickenpoxLoader, "england-covid": EnglandCovidLoader}


class GatedGraphCell(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.out_channels = out_channels
        size = (2, in_channels + out_channels, out_channels)
        self.update, self.reset, self.candidate = (nn.Parameter(0.1 * torch.randn(size)) for _ in range(3))

    @staticmethod
    def diffuse(x, edge_index, weights):
        neighbours = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]]) / 3
        return torch.matmul(x, weights[0]) + torch.matmul(neighbours, weights[1])

    def forward(self, x, edge_index):
        h = x.new_zeros(len(x), self.out_channels)
        xh = torch.cat([x, h], dim=1)
        z, r = (self.diffuse(xh, edge_index, gate).sigmoid() for gate in (self.update, self.reset))
        new = self.diffuse(torch.cat([x, r * h], dim=1), edge_index, self.candidate).tanh()
        return z * h + (1 - z) * new


class RecurrentGCN(nn.Module):
    def __init__(self, node_features, hidden=32):
        super().__init__()
        self.recurrent = GatedGraphCell(node_features, hidden)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, x, edge_index):
        return self.linear(self.recurrent(x, edge_index).relu()).squeeze(-1)


def main(dataset="england-covid"):
    torch.manual_seed(0)
    loader = LOADERS[dataset]()
    edge_index, snapshots = loader.get_dataset()
    model = RecurrentGCN(node_features=loader.lags)
    optim = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(2):
        cost = sum(((model(x, edge_index) - y) ** 2).mean() for x, y in snapshots) / len(snapshots)
        optim.zero_grad()
        cost.backward()
        optim.step()
        print(dataset, "epoch", epoch, "mse", round(cost.item(), 4))


if __name__ == "__main__":
    main()
