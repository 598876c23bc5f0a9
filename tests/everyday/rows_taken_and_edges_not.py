import torch
from torch import nn


class GCN(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.lin = nn.Linear(cin, cout)

    def forward(self, x, edges):
        src, dst = edges
        msg = self.lin(x)[src]
        return torch.zeros(x.size(0), msg.size(1)).index_add(0, dst, msg)


def subgraph(x, edges, keep):
    mask = torch.isin(edges[0], keep) & torch.isin(edges[1], keep)
    return x[keep], edges[:, mask]


x = torch.randn(10, 4)
edges = torch.tensor([[0, 2, 5, 7, 9, 3], [2, 5, 7, 9, 0, 2]])
sub_x, sub_e = subgraph(x, edges, torch.tensor([0, 2, 5, 7, 9]))
print(GCN(4, 8)(sub_x, sub_e).shape)
