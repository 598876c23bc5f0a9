import torch
from torch import nn
from torch.utils.data import DataLoader


class Graph(dict):
    """Attribute bag with the two rules a mini-batch needs: where to join, what to add."""

    @property
    def num_nodes(self):
        return self["x"].size(0)

    def cat_dim(self, key):
        return -1 if key == "edge_index" else 0

    def inc(self, key):
        return self.num_nodes if "index" in key else 0


class Collater:
    def __call__(self, graphs):
        parts, offset = {key: [] for key in graphs[0]}, 0
        for graph in graphs:
            for key, value in graph.items():
                parts[key].append(value + offset if graph.inc(key) else value)
            offset += graph.num_nodes
        return {key: torch.cat(values, dim=graphs[0].cat_dim(key)) for key, values in parts.items()}


class WithReverse:
    """Keep the streets against the direction of traffic as a second relation."""

    def __call__(self, graph):
        graph["rev_edge_index"] = graph["edge_index"].flip(0)
        return graph


def road_networks(count, transform=None, seed=0):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(count):
        n = int(torch.randint(6, 15, (1,), generator=gen))
        edge_index = torch.randint(0, n, (2, 2 * n), generator=gen)
        x = torch.rand(n, 3, generator=gen)
        label = (x[edge_index[0], 0] > x[edge_index[1], 0]).long()
        graph = Graph(x=x, edge_index=edge_index, edge_label=label)
        yield transform(graph) if transform else graph


class RelConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.root, self.fwd, self.rev = (nn.Linear(cin, cout) for _ in range(3))

    def forward(self, x, edge_index, rev_edge_index):
        out = self.root(x)
        for lin, (src, dst) in ((self.fwd, edge_index), (self.rev, rev_edge_index)):
            out = out.index_add(0, dst, lin(x)[src])
        return torch.relu(out)


class EdgeClassifier(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.conv1, self.conv2 = RelConv(3, dim), RelConv(dim, dim)
        self.head = nn.Linear(2 * dim, 2)

    def forward(self, g):
        h = self.conv1(g["x"], g["edge_index"], g["rev_edge_index"])
        h = self.conv2(h, g["edge_index"], g["rev_edge_index"])
        src, dst = g["edge_index"]
        return self.head(torch.cat([h[src], h[dst]], dim=-1))


def train(batch_size, epochs=2):
    torch.manual_seed(0)
    model = EdgeClassifier()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    loader = DataLoader(list(road_networks(9, WithReverse())), batch_size=batch_size, collate_fn=Collater())
    for _ in range(epochs):
        for g in loader:
            loss = nn.functional.cross_entropy(model(g), g["edge_label"])
            opt.zero_grad()
            loss.backward()
            opt.step()
    return loss.item()


for batch_size in (1, 3):
    print(f"batch size {batch_size} loss {train(batch_size):.4f}")
