import random

import torch
import torch.nn as nn
import torch.nn.functional as F


def random_molecule(rng):
    n = rng.randint(5, 9)
    bonds = [(i, rng.randrange(i)) for i in range(1, n)]
    edge_index = torch.tensor(bonds + [(b, a) for a, b in bonds]).t()
    return {"x": torch.randn(n, 6), "edge_index": edge_index, "y": float(n % 2)}


def collate(graphs):
    xs, edges, batch, offset = [], [], [], 0
    for k, g in enumerate(graphs):
        xs.append(g["x"])
        edges.append(g["edge_index"] + offset)
        batch.append(torch.full((len(g["x"]),), k))
        offset += len(g["x"])
    y = torch.tensor([g["y"] for g in graphs])
    return torch.cat(xs), torch.cat(edges, dim=1), torch.cat(batch), y


def global_add_pool(x, batch):
    return x.new_zeros(int(batch.max()) + 1, x.size(1)).index_add_(0, batch, x)


class GINConv(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(1))
        self.mlp = nn.Sequential(nn.Linear(c_in, c_out), nn.ReLU(), nn.Linear(c_out, c_out))

    def forward(self, x, edge_index):
        src, dst = edge_index
        message = x[src]
        gathered = torch.zeros_like(x).index_add_(0, dst, message)
        return self.mlp((1 + self.eps) * x + gathered)


class GIN(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.conv1, self.conv2 = GINConv(6, dim), GINConv(dim, dim)
        self.lin1, self.lin2 = nn.Linear(2 * dim, dim), nn.Linear(dim, 1)

    def forward(self, x, edge_index, batch):
        h1 = self.conv1(x, edge_index).relu()
        h2 = self.conv2(h1, edge_index).relu()
        h = global_add_pool(torch.cat([h1, h2], dim=1), batch)
        return self.lin2(self.lin1(h).relu()).squeeze(1)


if __name__ == "__main__":
    torch.manual_seed(0)
    rng = random.Random(3)
    graphs = [random_molecule(rng) for _ in range(16)]
    loader = torch.utils.data.DataLoader(graphs, batch_size=4, collate_fn=collate)
    model = GIN()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    print("graphs", len(graphs), "nodes", sum(len(g["x"]) for g in graphs))
    for x, edge_index, batch, y in loader:
        loss = F.binary_cross_entropy_with_logits(model(x, edge_index, batch), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("loss", round(loss.item(), 4))
