from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Molecule:
    x: torch.Tensor            # atoms, atom features
    edge_index: torch.Tensor   # 2, directed bonds
    edge_attr: torch.Tensor    # directed bonds, bond features
    y: torch.Tensor


def add_self_loops(edge_index, edge_weight, num_nodes):
    loops = torch.arange(num_nodes).repeat(2, 1)
    ones = edge_weight.new_ones(num_nodes, *edge_weight.shape[1:])
    return torch.cat([edge_index, loops], dim=1), torch.cat([edge_weight, ones])


class GraphConv(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.lin = nn.Linear(n_in, n_out)

    def message(self, x_j, edge_weight):
        return edge_weight.view(-1, 1) * x_j

    def forward(self, x, edge_index, edge_weight=None):
        if edge_weight is None:
            edge_weight = x.new_ones(edge_index.size(1))
        edge_index, edge_weight = add_self_loops(edge_index, edge_weight, x.size(0))
        src, dst = edge_index
        out = torch.zeros_like(x).index_add_(0, dst, self.message(x[src], edge_weight))
        return self.lin(out)


class ReactivityNet(nn.Module):
    def __init__(self, n_atom, n_bond, hidden=24):
        super().__init__()
        self.embed = nn.Linear(n_atom, hidden)
        self.layers = nn.ModuleList([GraphConv(hidden, hidden) for _ in range(2)])
        self.bond_layer = GraphConv(hidden, hidden)
        self.readout = nn.Linear(hidden, 1)

    def forward(self, mol):
        h = self.embed(mol.x)
        for layer in self.layers:
            h = layer(h, mol.edge_index).relu()
        h = self.bond_layer(h, mol.edge_index, mol.edge_attr).relu()
        return self.readout(h.mean(dim=0))


def molecules(n, seed=5):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(n):
        atoms = int(torch.randint(10, 17, (1,), generator=gen))
        chain = torch.stack([torch.arange(atoms - 1), torch.arange(1, atoms)])
        edge_index = torch.cat([chain, chain.flip(0)], dim=1)
        kind = torch.randint(0, 3, (edge_index.size(1),), generator=gen)
        yield Molecule(torch.randn(atoms, 7, generator=gen), edge_index,
                       nn.functional.one_hot(kind, 3).float(), torch.rand(1, generator=gen))


torch.manual_seed(0)
net = ReactivityNet(n_atom=7, n_bond=3)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
print("parameters", sum(p.numel() for p in net.parameters()))
for step, mol in enumerate(molecules(4)):
    loss = nn.functional.mse_loss(net(mol), mol.y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"molecule {step} atoms {mol.x.size(0)} loss {loss.item():.4f}")
