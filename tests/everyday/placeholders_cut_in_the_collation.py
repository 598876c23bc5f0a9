import torch
from torch import nn

IMAGE = 3


class VLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(12, 8)
        self.embed = nn.Embedding(20, 8)

    def forward(self, ids, tiles):
        x = self.embed(ids)
        mask = (ids == IMAGE).unsqueeze(-1)
        return x.masked_scatter(mask, self.proj(tiles).to(x.dtype))


def collate(texts, max_len=9):
    rows = [t[:max_len] for t in texts]
    n = max(map(len, rows))
    return torch.tensor([r + [0] * (n - len(r)) for r in rows])


texts = [[5] + [IMAGE] * 6 + [7, 8], [5, 6, 9, 4] + [IMAGE] * 6 + [7]]
ids = collate(texts)
model = VLM()
print(model(ids, torch.randn(2, 6, 12)).shape)
