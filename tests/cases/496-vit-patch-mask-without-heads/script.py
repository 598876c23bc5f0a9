"""Vision transformer with an optional mask over patches (to leave out borders of scans)."""
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads, dim_head):
        super().__init__()
        self.heads, self.scale = heads, dim_head ** -0.5
        self.to_qkv = nn.Linear(dim, heads * dim_head * 3, bias=False)
        self.to_out = nn.Linear(heads * dim_head, dim)

    def forward(self, x, mask=None):
        b, n, _ = x.shape
        q, k, v = (t.view(b, n, self.heads, -1).transpose(1, 2) for t in self.to_qkv(x).chunk(3, dim=-1))
        dots = q @ k.transpose(-1, -2) * self.scale
        if mask is not None:
            mask = nn.functional.pad(mask.flatten(1), (1, 0), value=True)
            pairs = mask[:, None, :] & mask[:, :, None]
            dots = dots.masked_fill(~pairs, -torch.finfo(dots.dtype).max)
        out = dots.softmax(dim=-1) @ v
        return self.to_out(out.transpose(1, 2).reshape(b, n, -1))


class Block(nn.Module):
    def __init__(self, dim, heads, dim_head):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = Attention(dim, heads, dim_head)
        self.mlp = nn.Sequential(nn.Linear(dim, dim * 2), nn.GELU(), nn.Linear(dim * 2, dim))

    def forward(self, x, mask=None):
        x = x + self.attn(self.norm1(x), mask=mask)
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, image_size=24, patch_size=6, dim=32, depth=2, heads=4, dim_head=8, num_classes=3):
        super().__init__()
        side = image_size // patch_size
        self.to_patches = nn.Conv2d(1, dim, patch_size, stride=patch_size)
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim))
        self.pos_embedding = nn.Parameter(torch.randn(1, side ** 2 + 1, dim) * 0.1)
        self.blocks = nn.ModuleList(Block(dim, heads, dim_head) for _ in range(depth))
        self.head = nn.Linear(dim, num_classes)

    def forward(self, img, mask=None):
        x = self.to_patches(img).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embedding
        for block in self.blocks:
            x = block(x, mask=mask)
        return self.head(x[:, 0])


def tissue_mask(img, patch=6, floor=0.35):
    return nn.functional.avg_pool2d(img, patch)[:, 0] > floor


def classify(model, scans):
    with torch.no_grad():
        return model(scans, mask=tissue_mask(scans)).argmax(-1).tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = ViT().eval()
    scans = torch.rand(5, 1, 24, 24)
    scans[:, :, :, 18:] *= 0.4
    print("first scan", classify(model, scans[:1]))
    for start in range(0, 4, 2):
        print("scans", start, start + 1, classify(model, scans[start:start + 2]))
