"""Two-layer graph attention network on a small citation graph."""

import torch
import torch.nn.functional as F
from torch import nn


class GATLayer(nn.Module):
    def __init__(self, d_in, d_out, heads, concat=True):
        super().__init__()
        self.heads, self.d_out, self.concat = heads, d_out, concat
        self.lin = nn.Linear(d_in, heads * d_out, bias=False)
        self.att_src = nn.Parameter(0.1 * torch.randn(heads, d_out))
        self.att_dst = nn.Parameter(0.1 * torch.randn(heads, d_out))

    def forward(self, x, adj):
        h = self.lin(x).view(-1, self.heads, self.d_out)
        score = (h * self.att_src).sum(-1)[:, None] + (h * self.att_dst).sum(-1)[None]
        score = F.leaky_relu(score, 0.2).masked_fill(~adj[..., None], float("-inf"))
        out = torch.einsum("ijh,jhd->ihd", score.softmax(1), h)
        return out.flatten(1) if self.concat else out.mean(1)


class GAT(nn.Module):
    def __init__(self, features, hidden, classes, heads):
        super().__init__()
        self.first = GATLayer(features, hidden, heads=heads)
        self.second = GATLayer(hidden, classes, heads=1, concat=False)

    def forward(self, x, adj):
        x = F.elu(self.first(x, adj))
        return self.second(F.dropout(x, 0.5, self.training), adj)


def citation_graph(nodes=30, features=18, classes=3):
    gen = torch.Generator().manual_seed(3)
    adj = torch.rand(nodes, nodes, generator=gen) > 0.85
    adj = adj | adj.t() | torch.eye(nodes, dtype=torch.bool)
    return torch.rand(nodes, features, generator=gen), adj, torch.randint(0, classes, (nodes,), generator=gen)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, adj, y = citation_graph()
    model = GAT(x.size(1), hidden=8, classes=3, heads=4)
    opt = torch.optim.Adam(model.parameters(), 0.01)
    for epoch in range(5):
        loss = F.cross_entropy(model(x, adj), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("loss", loss.item())
