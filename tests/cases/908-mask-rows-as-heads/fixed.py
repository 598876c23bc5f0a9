import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads, dim_head):
        super().__init__()
        self.heads, self.scale = heads, dim_head ** -0.5
        self.to_qkv = nn.Linear(dim, 3 * heads * dim_head, bias=False)
        self.edges_to_bias = nn.Linear(dim, heads)
        self.to_out = nn.Linear(heads * dim_head, dim)

    def forward(self, nodes, edges, mask=None):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.to_qkv(nodes).chunk(3, dim=-1))
        sim = q @ k.transpose(-1, -2) * self.scale + self.edges_to_bias(edges).permute(0, 3, 1, 2)
        if mask is not None:
            pair = mask.unsqueeze(-1) & mask.unsqueeze(-2)
            sim = sim.masked_fill(~pair.unsqueeze(1), -torch.finfo(sim.dtype).max)
        out = sim.softmax(dim=-1) @ v
        return self.to_out(out.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = Attention(dim, heads, dim // heads)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, nodes, edges, mask):
        nodes = nodes + self.attn(self.norm1(nodes), edges, mask)
        return nodes + self.ff(self.norm2(nodes))


class GraphTransformer(nn.Module):
    def __init__(self, atoms, bonds, dim=32, depth=2, heads=4):
        super().__init__()
        self.atoms, self.bonds = nn.Embedding(atoms, dim), nn.Embedding(bonds, dim)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.readout = nn.Linear(dim, 1)

    def forward(self, atoms, bonds, mask):
        nodes, edges = self.atoms(atoms), self.bonds(bonds)
        for block in self.blocks:
            nodes = block(nodes, edges, mask)
        weights = mask.unsqueeze(-1).float()
        return self.readout((nodes * weights).sum(1) / weights.sum(1)).squeeze(-1)


def collate(molecules):
    size = max(len(atoms) for atoms, _ in molecules)
    atoms = torch.zeros(len(molecules), size, dtype=torch.long)
    bonds = torch.zeros(len(molecules), size, size, dtype=torch.long)
    mask = torch.zeros(len(molecules), size, dtype=torch.bool)
    for row, (kinds, links) in enumerate(molecules):
        atoms[row, :len(kinds)] = torch.tensor(kinds)
        mask[row, :len(kinds)] = True
        for a, b, order in links:
            bonds[row, a, b] = bonds[row, b, a] = order
    return atoms, bonds, mask


MOLECULES = {
    "water": ([8, 1, 1], [(0, 1, 1), (0, 2, 1)]),
    "carbon dioxide": ([6, 8, 8], [(0, 1, 2), (0, 2, 2)]),
    "ethene": ([6, 6, 1, 1, 1, 1], [(0, 1, 2), (0, 2, 1), (0, 3, 1), (1, 4, 1), (1, 5, 1)]),
    "hydrogen cyanide": ([1, 6, 7], [(0, 1, 1), (1, 2, 3)]),
}

torch.manual_seed(4)
model = GraphTransformer(atoms=10, bonds=4).eval()
with torch.no_grad():
    together = model(*collate(list(MOLECULES.values())))
    for i, (name, molecule) in enumerate(MOLECULES.items()):
        alone = model(*collate([molecule]))
        print(f"{name:17} batch {together[i].item():.4f}  single {alone.item():.4f}")
