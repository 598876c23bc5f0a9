import torch
from torch import nn


def collate(sets):
    width = max(len(s) for s in sets)
    items = torch.zeros(len(sets), width, sets[0].size(-1))
    padding = torch.ones(len(sets), width, dtype=torch.bool)
    for row, s in enumerate(sets):
        items[row, :len(s)] = s
        padding[row, :len(s)] = 0
    return items, padding


class AttentionPool(nn.Module):
    """One learned query per output slot reads the whole set."""

    def __init__(self, width, heads, slots=1):
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, slots, width))
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x, padding):
        query = self.query.expand(x.size(0), -1, -1)
        pooled, _ = self.attn(query, x, x, key_padding_mask=padding)
        return pooled.flatten(1)


class BasketModel(nn.Module):
    def __init__(self, features, width=32, heads=4):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Linear(width, width))
        self.pool = AttentionPool(width, heads)
        self.price = nn.Linear(width, 1)

    def forward(self, items, padding):
        return self.price(self.pool(self.embed(items), padding)).squeeze(-1)


def main():
    torch.manual_seed(4)
    model = BasketModel(features=6).eval()
    small, medium, big = (torch.randn(n, 6) for n in (2, 5, 9))
    requests = {
        "on its own": [small],
        "with 5 items": [small, medium],
        "with 9 items": [small, big],
    }
    with torch.no_grad():
        for name, sets in requests.items():
            print(f"small basket {name:13} {model(*collate(sets))[0].item():.4f}")


main()
