"""Contrastive pre-training of a rotary vision tower with patch dropout for speed."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def rotary_table(dim, side):
    freqs = 1.0 / 100 ** (torch.arange(0, dim // 2, 2) / (dim // 2))
    axis = (torch.arange(side)[:, None] * freqs).repeat_interleave(2, dim=-1)
    grid = torch.cat([axis[:, None].expand(-1, side, -1), axis[None].expand(side, -1, -1)], dim=-1).flatten(0, 1)
    return torch.stack([grid.cos(), grid.sin()])


def rotate(x, table):
    cos, sin = table
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return x * cos + torch.stack((-b, a), dim=-1).flatten(-2) * sin


class PatchDropout(nn.Module):
    def __init__(self, prob):
        super().__init__()
        self.prob = prob

    def forward(self, x):
        if not self.training or self.prob == 0:
            return x, None
        cls, patches = x[:, :1], x[:, 1:]
        count = max(1, int(patches.size(1) * (1 - self.prob)))
        keep = torch.rand(patches.shape[:2]).topk(count, dim=-1).indices
        kept = patches.gather(1, keep.unsqueeze(-1).expand(-1, -1, x.size(-1)))
        return torch.cat((cls, kept), dim=1), keep


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, rope):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, -1))
        q, k = (torch.cat((t[:, :, :1], rotate(t[:, :, 1:], rope)), dim=2) for t in (q, k))
        return x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class VisionTower(nn.Module):
    def __init__(self, image=24, patch=4, width=32, heads=4, depth=2, patch_dropout=0.5):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, width, patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.patch_dropout = PatchDropout(patch_dropout)
        self.register_buffer("rope", rotary_table(width // heads, image // patch), persistent=False)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, 16)

    def forward(self, images):
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        x, keep = self.patch_dropout(x)
        rope = self.rope if keep is None else self.rope[:, keep].unsqueeze(2)
        for block in self.blocks:
            x = block(x, rope)
        return F.normalize(self.head(x[:, 0]), dim=-1)


if __name__ == "__main__":
    torch.manual_seed(0)
    images, texts = torch.rand(6, 3, 24, 24), F.normalize(torch.randn(6, 16), dim=-1)
    tower = VisionTower()
    print("zero-shot similarity %.3f" % (tower.eval()(images) * texts).sum(-1).mean().item())
    optimizer = torch.optim.AdamW(tower.train().parameters(), lr=1e-3)
    for step in range(3):
        loss = F.cross_entropy(tower(images) @ texts.T / 0.07, torch.arange(6))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.3f}")
