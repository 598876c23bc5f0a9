"""Hierarchical attention for long byte sequences: coarse keys per block, heads folded into the batch."""
import torch
from torch import nn


def fold_heads(t, heads):
    b, n, width = t.shape
    return t.view(b, n, heads, width // heads).transpose(1, 2).reshape(b * heads, n, width // heads)


def unfold_heads(t, heads):
    bh, n, d = t.shape
    return t.view(bh // heads, heads, n, d).transpose(1, 2).reshape(bh // heads, n, heads * d)


def masked_mean(blocks, mask):
    mask = mask.unsqueeze(-1)
    total = blocks.masked_fill(~mask, 0.0).sum(dim=2)
    return total / mask.sum(dim=2).clamp(min=1)


class BlockAttention(nn.Module):
    def __init__(self, dim, heads, block):
        super().__init__()
        self.heads, self.block = heads, block
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x, mask):
        q, k, v = (fold_heads(t, self.heads) for t in self.to_qkv(x).chunk(3, dim=-1))
        mask = mask.unflatten(1, (-1, self.block))
        k = masked_mean(k.unflatten(1, (-1, self.block)), mask)
        v = masked_mean(v.unflatten(1, (-1, self.block)), mask)
        scores = q @ k.transpose(1, 2) * q.shape[-1] ** -0.5
        scores = scores.masked_fill(~mask.any(dim=-1).unsqueeze(1), -1e9)
        return self.to_out(unfold_heads(scores.softmax(dim=-1) @ v, self.heads))


class ByteModel(nn.Module):
    def __init__(self, num_tokens=256, dim=32, heads=8, block=4, depth=2):
        super().__init__()
        self.embed = nn.Embedding(num_tokens, dim)
        self.layers = nn.ModuleList(BlockAttention(dim, heads, block) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.logits = nn.Linear(dim, num_tokens)

    def forward(self, ids, mask):
        x = self.embed(ids)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x), mask)
        return self.logits(x)


def batches(texts, size, length=24):
    for i in range(0, len(texts), size):
        rows = [list(t.encode())[:length] for t in texts[i:i + size]]
        ids = torch.tensor([r + [0] * (length - len(r)) for r in rows])
        yield ids, ids != 0


@torch.no_grad()
def main():
    torch.manual_seed(0)
    model = ByteModel().eval()
    texts = ["the heron stands still", "rain", "two boats", "a long grey morning"]
    for size in (1, 2):
        for ids, mask in batches(texts, size):
            print("batch of", size, "mean logit %.4f" % model(ids, mask)[mask].mean().item())


if __name__ == "__main__":
    main()
