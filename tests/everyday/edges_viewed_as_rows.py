import torch
from torch import nn


class GCNLayer(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.lin = nn.Linear(n_in, n_out)

    def forward(self, x, edge_index):
        src, dst = edge_index
        msg = self.lin(x)[src]
        agg = torch.zeros(x.size(0), msg.size(1)).index_add_(0, dst, msg)
        deg = torch.zeros(x.size(0)).index_add_(0, dst, torch.ones(len(dst))).clamp(min=1)
        return agg / deg.unsqueeze(1)


torch.manual_seed(32)
edges = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (4, 5), (5, 6), (4, 7), (7, 8), (8, 0)]
edges = [pair for a, b in edges for pair in ((a, b), (b, a), (a, a))]
edge_index = torch.tensor(edges).view(2, -1)
x = torch.randn(9, 6)
l1, l2 = GCNLayer(6, 12), GCNLayer(12, 3)
with torch.no_grad():
    out = l2(l1(x, edge_index).relu(), edge_index)
print("node 3", [round(v, 4) for v in out[3].tolist()])
