import torch
import torch.nn as nn
import torch.nn.functional as F

CFG = {"in_channels": 2, "hidden": 8, "heads": 2, "layers": 3, "classes": 3, "dropout": 0.1}


class GATConv(nn.Module):
    def __init__(self, in_channels, out_channels, heads=1, concat=True, negative_slope=0.2):
        super().__init__()
        self.heads, self.out_channels, self.concat = heads, out_channels, concat
        self.negative_slope = negative_slope
        self.lin = nn.Linear(in_channels, heads * out_channels, bias=False)
        self.att_src = nn.Parameter(0.1 * torch.randn(1, heads, out_channels))
        self.att_dst = nn.Parameter(0.1 * torch.randn(1, heads, out_channels))
        self.bias = nn.Parameter(torch.zeros(heads * out_channels if concat else out_channels))

    def forward(self, x, edge_index):
        n = x.size(0)
        src, dst = edge_index
        h = self.lin(x).view(n, self.heads, self.out_channels)
        a_src, a_dst = (h * self.att_src).sum(-1), (h * self.att_dst).sum(-1)
        alpha = F.leaky_relu(a_src[src] + a_dst[dst], self.negative_slope).exp()
        total = torch.zeros(n, self.heads).index_add(0, dst, alpha)
        alpha = alpha / total[dst].clamp(min=1e-9)
        out = torch.zeros_like(h).index_add(0, dst, h[src] * alpha.unsqueeze(-1))
        out = out.flatten(1) if self.concat else out.mean(1)
        return out + self.bias


class Net(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.convs = nn.ModuleList()
        width = cfg["in_channels"]
        for _ in range(cfg["layers"]):
            self.convs.append(GATConv(width, cfg["hidden"], heads=cfg["heads"]))
            width = cfg["hidden"] * cfg["heads"]
        self.dropout = cfg["dropout"]
        self.lin = nn.Linear(width, cfg["classes"])

    def forward(self, x, edge_index):
        for conv in self.convs:
            x = F.elu(conv(x, edge_index))
            x = F.dropout(x, self.dropout, self.training)
        return self.lin(x)


def knn_graph(pos, k=4):
    near = torch.cdist(pos, pos).topk(k + 1, largest=False).indices
    dst = torch.arange(len(pos)).repeat_interleave(k + 1)
    return torch.stack([near.flatten(), dst])


def clusters(n_per=30):
    centres = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    pos = torch.cat([c + 0.6 * torch.randn(n_per, 2) for c in centres])
    return pos, torch.arange(3).repeat_interleave(n_per)


def main():
    torch.manual_seed(12)
    pos, y = clusters()
    edge_index = knn_graph(pos)
    train_mask = torch.rand(len(pos)) < 0.5
    model = Net(CFG)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for epoch in range(1, 11):
        model.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(pos, edge_index)[train_mask], y[train_mask])
        loss.backward()
        optimizer.step()
    model.eval()
    acc = (model(pos, edge_index).argmax(1) == y)[~train_mask].float().mean()
    print(f"nodes {len(pos)} edges {edge_index.size(1)} loss {loss.item():.3f} test acc {acc.item():.2f}")


main()
