import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PATCH, SIDE = 4, 16


class EvaAttention(nn.Module):
    def __init__(self, dim, num_heads):
        super().__init__()
        self.num_heads, self.scale = num_heads, (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x, attn_mask=None):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        attn = (q * self.scale) @ k.transpose(-2, -1)
        if attn_mask is not None:
            attn = attn.masked_fill(~attn_mask[:, None, None, :], float("-inf"))
        attn = attn.softmax(dim=-1)
        x = (attn @ v).transpose(1, 2).reshape(b, n, c)
        return self.proj(x)


class Block(nn.Module):
    def __init__(self, dim, num_heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = EvaAttention(dim, num_heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x, mask):
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


class FlexibleViT(nn.Module):
    """Takes pictures of any size as padded rows of patches."""

    def __init__(self, dim=32, num_heads=4, depth=2, classes=4):
        super().__init__()
        self.embed = nn.Linear(3 * PATCH * PATCH, dim)
        self.pos = nn.Parameter(torch.randn(SIDE, SIDE, dim) * 0.02)
        self.blocks = nn.ModuleList(Block(dim, num_heads) for _ in range(depth))
        self.head = nn.Linear(dim, classes)

    def tokens(self, image):
        grid = image.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH)
        h, w = grid.shape[1:3]
        flat = grid.permute(1, 2, 0, 3, 4).reshape(h * w, -1)
        return self.embed(flat) + self.pos[:h, :w].reshape(h * w, -1)

    def forward(self, images):
        rows = [self.tokens(image) for image in images]
        x = pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(r) for r in rows])
        mask = torch.arange(x.size(1)) < lengths.unsqueeze(1)
        for block in self.blocks:
            x = block(x, mask)
        pooled = (x * mask.unsqueeze(-1)).sum(1) / lengths.unsqueeze(1)
        return self.head(pooled)


if __name__ == "__main__":
    torch.manual_seed(3)
    vit = FlexibleViT().eval()
    small, large = torch.randn(3, 12, 16), torch.randn(3, 40, 48)
    with torch.no_grad():
        for title, images in [("small one by itself", [small]), ("small one and a large one", [small, large])]:
            print(f"{title:26}", [round(v, 4) for v in vit(images)[0].tolist()])
