"""Context-parallel evaluation: every rank holds a slice of the sequence, a draft head predicts two tokens ahead."""
import torch
from torch import nn
from torch.nn import functional as F


class ContextGroup:
    def __init__(self, size):
        self.size, self.rank = size, 0

    def split(self, x, dim=-1):
        return x.chunk(self.size, dim=dim)[self.rank]


def apply_rope(x, positions):
    half = x.size(-1) // 2
    freqs = 1e3 ** (-torch.arange(half) / half)
    angles = positions[:, None] * freqs
    cos, sin = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


class LocalAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, positions):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = apply_rope(q, positions), apply_rope(k, positions)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.out(y.transpose(1, 2).flatten(2))


class Trunk(nn.Module):
    def __init__(self, vocab, width, heads, depth):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(LocalAttention(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, vocab)

    def forward(self, ids, positions, group):
        x, positions = self.embed(group.split(ids)), group.split(positions)
        for layer in self.layers:
            x = layer(x, positions)
        return x


class DraftHead(nn.Module):
    def __init__(self, trunk, width, heads):
        super().__init__()
        self.embed, self.head = trunk.embed, trunk.head
        self.fuse = nn.Linear(2 * width, width)
        self.layer = LocalAttention(width, heads)

    def forward(self, ids, positions, hidden, group):
        ahead = self.embed(group.split(ids.roll(-1, dims=-1)))
        x = self.fuse(torch.cat([ahead, hidden], dim=-1))
        return self.head(self.layer(x, positions))


@torch.no_grad()
def evaluate(trunk, draft, ids, group):
    positions, agree = torch.arange(ids.size(1)), []
    for group.rank in range(group.size):
        hidden = trunk(ids, positions, group)
        first = trunk.head(hidden).argmax(-1)
        second = draft(ids, positions, hidden, group).argmax(-1)
        agree.append((first[:, 1:] == second[:, :-1]).float().mean())
    return torch.stack(agree).mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    trunk, ids = Trunk(vocab=40, width=32, heads=4, depth=2), torch.randint(0, 40, (2, 24))
    draft = DraftHead(trunk, width=32, heads=4)
    for size in (1, 4):
        print(f"cp={size} draft agreement {evaluate(trunk, draft, ids, ContextGroup(size)):.3f}")
