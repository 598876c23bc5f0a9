import torch
import torch.nn as nn


class Data:
    def __init__(self, x, edge_index, batch=None):
        self.x, self.edge_index, self.batch = x, edge_index, batch


def collate(graphs):
    xs, edges, batch, offset = [], [], [], 0
    for i, g in enumerate(graphs):
        xs.append(g.x)
        edges.append(g.edge_index + offset)
        batch.append(torch.full((len(g.x),), i))
        offset += len(g.x)
    return Data(torch.cat(xs), torch.cat(edges, 1), torch.cat(batch))


def gcn_norm(edge_index, num_nodes):
    loops = torch.arange(num_nodes).repeat(2, 1)
    edge_index = torch.cat([edge_index, loops], 1)
    row, col = edge_index
    deg = torch.zeros(num_nodes).index_add(0, col, torch.ones(len(col)))
    inv = deg.pow(-0.5)
    return edge_index, inv[row] * inv[col]


class GCNConv(nn.Module):
    def __init__(self, in_channels, out_channels, cached=False):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.cached = cached
        self._cached_edge_index = None

    def propagate(self, edge_index, x, norm):
        row, col = edge_index
        msg = norm.unsqueeze(1) * x.index_select(0, row)
        return torch.zeros_like(x).index_add(0, col, msg)

    def forward(self, x, edge_index):
        norm_index = self._cached_edge_index
        if norm_index is None:
            norm_index = gcn_norm(edge_index, x.size(0))
            if self.cached:
                self._cached_edge_index = norm_index
        edge_index, norm = norm_index
        return self.propagate(edge_index, self.lin(x), norm) + self.bias


class GCNEncoder(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv1 = GCNConv(in_channels, 2 * out_channels)
        self.conv2 = GCNConv(2 * out_channels, out_channels)

    def forward(self, data):
        h = torch.relu(self.conv1(data.x, data.edge_index))
        return self.conv2(h, data.edge_index)


def recon_loss(z, data):
    same = data.batch[:, None] == data.batch[None, :]
    target = torch.zeros_like(same, dtype=torch.float)
    target[data.edge_index[0], data.edge_index[1]] = 1.0
    return nn.functional.binary_cross_entropy_with_logits((z @ z.t())[same], target[same])


def ring(n, gen):
    a = torch.arange(n)
    b = (a + 1) % n
    return Data(torch.randn(n, 10, generator=gen), torch.stack([torch.cat([a, b]), torch.cat([b, a])]))


torch.manual_seed(7)
gen = torch.Generator().manual_seed(7)
data_list = [ring(6, gen) for _ in range(7)]
model = GCNEncoder(10, 5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for start in range(0, len(data_list), 2):
    batch = collate(data_list[start:start + 2])
    loss = recon_loss(model(batch), batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"graphs {start}-{min(start + 1, len(data_list) - 1)} nodes {len(batch.x)} loss {loss.item():.4f}")
