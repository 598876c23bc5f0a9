from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader


@dataclass
class Graph:
    x: torch.Tensor
    edge_index: torch.Tensor
    y: torch.Tensor
    batch: torch.Tensor = None


def superpixels(n, seed):
    gen = torch.Generator().manual_seed(seed)
    graphs = []
    for _ in range(n):
        nodes = int(torch.randint(9, 16, (1,), generator=gen))
        edges = torch.stack([torch.arange(nodes), torch.arange(nodes).roll(1)])
        graphs.append(Graph(torch.rand(nodes, 3, generator=gen), edges, torch.randint(0, 10, (1,), generator=gen)))
    return graphs


def merge(graphs):
    offsets = torch.tensor([0] + [len(g.x) for g in graphs]).cumsum(0)
    return Graph(
        x=torch.cat([g.x for g in graphs]),
        edge_index=torch.cat([g.edge_index + o for g, o in zip(graphs, offsets)], dim=1),
        y=torch.cat([g.y for g in graphs]),
        batch=torch.cat([torch.full((len(g.x),), i) for i, g in enumerate(graphs)]),
    )


def global_mean_pool(x, batch):
    total = x.new_zeros(int(batch.max()) + 1, x.size(1)).index_add_(0, batch, x)
    return total / torch.bincount(batch).unsqueeze(1)


class NeighbourConv(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.own, self.others = nn.Linear(c_in, c_out), nn.Linear(c_in, c_out, bias=False)

    def forward(self, x, edge_index):
        return self.own(x) + self.others(torch.zeros_like(x).index_add_(0, edge_index[1], x[edge_index[0]]))


class Net(nn.Module):
    def __init__(self, features, classes, hidden=16):
        super().__init__()
        self.conv1 = NeighbourConv(features, hidden)
        self.fc1 = nn.Linear(hidden, classes)

    def forward(self, data):
        x = F.elu(self.conv1(data.x, data.edge_index))
        return F.log_softmax(self.fc1(x), dim=1)


def train(epochs=2):
    torch.manual_seed(0)
    loader, model = DataLoader(superpixels(24, seed=5), batch_size=6, collate_fn=merge), Net(3, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(1, epochs + 1):
        for data in loader:
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), data.y)
            loss.backward()
            optimizer.step()
        print(f"Epoch: {epoch:02d}, Loss: {loss.item():.4f}")


if __name__ == "__main__":
    train()
