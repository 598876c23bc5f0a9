"""Node classification on a road network; every road has a length and a speed limit."""
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F


class GraphConv(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.lin_rel = nn.Linear(c_in, c_out)
        self.lin_root = nn.Linear(c_in, c_out, bias=False)

    def message(self, x_j, edge_weight):
        return x_j if edge_weight is None else edge_weight.view(-1, 1) * x_j

    def propagate(self, edge_index, x, edge_weight):
        source, target = edge_index
        out = torch.zeros_like(x)
        return out.index_add_(0, target, self.message(x[source], edge_weight))

    def forward(self, x, edge_index, edge_weight=None):
        return self.lin_rel(self.propagate(edge_index, x, edge_weight)) + self.lin_root(x)


class GraphConvClass(nn.Module):
    def __init__(self, data, hidden_channels):
        super().__init__()
        self.conv1 = GraphConv(data.x.size(1), hidden_channels)
        self.conv2 = GraphConv(hidden_channels, int(data.y.max()) + 1)

    def forward(self, x, edge_index, edge_weight):
        x = self.conv1(x, edge_index, edge_weight).relu()
        x = F.dropout(x, p=0.5, training=self.training)
        return self.conv2(x, edge_index, edge_weight)


def road_network(nodes=30, roads=70, seed=2):
    g = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(0, nodes, (2, roads), generator=g)
    length = torch.rand(roads, generator=g) * 3 + 0.2
    limit = torch.randint(3, 13, (roads,), generator=g) * 10.0
    edge_attr = torch.stack([length, limit / 130], dim=1)
    y = torch.randint(0, 3, (nodes,), generator=g)
    x = F.one_hot(y, 3) + torch.randn(nodes, 3, generator=g)
    order = torch.randperm(nodes, generator=g)
    return SimpleNamespace(x=x, y=y, edge_index=edge_index, edge_attr=edge_attr,
                           train=order[:20], test=order[20:])


def fit(model, data, epochs=5):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for epoch in range(epochs):
        model.train()
        out = model(data.x, data.edge_index, data.edge_attr)
        loss = F.cross_entropy(out[data.train], data.y[data.train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"trained {epochs} epochs, loss {loss.item():.3f}")


def main():
    torch.manual_seed(1)
    data = road_network()
    model = GraphConvClass(data, hidden_channels=16)
    print("nodes", data.x.size(0), "edges", data.edge_index.size(1))
    fit(model, data)
    model.eval()
    predicted = model(data.x, data.edge_index, data.edge_attr).argmax(1)
    print("test hits", int((predicted == data.y)[data.test].sum()), "of", len(data.test))


if __name__ == "__main__":
    main()
