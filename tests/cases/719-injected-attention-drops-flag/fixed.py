"""Image model whose language blocks run a causal pass over the text and a full pass over the picture tokens."""
import torch
from torch import nn
from torch.nn import functional as F


def fused_attention(q, k, v, **options):
    return F.scaled_dot_product_attention(q, k, v, **options)


def optimized_attention(q, k, v, mask=None, **kwargs):
    return fused_attention(q, k, v, attn_mask=mask, enable_gqa=kwargs.get("enable_gqa", False))


class Block(nn.Module):
    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.heads, self.kv_heads, self.dim = heads, kv_heads, width // heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * kv_heads * self.dim, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.norm = nn.RMSNorm(width)
        self.mlp = nn.Sequential(nn.RMSNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x, attention=optimized_attention):
        n, t, _ = x.shape
        h = self.norm(x)
        q = self.q(h).view(n, t, self.heads, self.dim).transpose(1, 2)
        k, v = self.kv(h).view(n, t, 2 * self.kv_heads, self.dim).transpose(1, 2).chunk(2, dim=1)
        flags = {"enable_gqa": True} if self.heads != self.kv_heads else {}
        y = attention(q, k, v, **flags)
        x = x + self.o(y.transpose(1, 2).flatten(2))
        return x + self.mlp(x)


def two_pass(text_len):
    def attention(q, k, v, **kwargs):
        text = fused_attention(
            q[:, :, :text_len], k[:, :, :text_len], v[:, :, :text_len], is_causal=True, **kwargs
        )
        picture = fused_attention(q[:, :, text_len:], k, v, **kwargs)
        return torch.cat([text, picture], dim=2)

    return attention


class PictureModel(nn.Module):
    def __init__(self, width=64, heads=8, kv_heads=2, depth=2, vocab=100):
        super().__init__()
        self.words = nn.Embedding(vocab, width)
        self.patches = nn.Linear(12, width)
        self.blocks = nn.ModuleList(Block(width, heads, kv_heads) for _ in range(depth))
        self.out = nn.Linear(width, 12)

    def caption_state(self, ids):
        x = self.words(ids)
        for block in self.blocks:
            x = block(x)
        return x.mean(1)

    def forward(self, ids, noisy):
        x = torch.cat([self.words(ids), self.patches(noisy)], dim=1)
        attention = two_pass(ids.size(1))
        for block in self.blocks:
            x = block(x, attention)
        return self.out(x[:, ids.size(1):])


if __name__ == "__main__":
    torch.manual_seed(2)
    model = PictureModel().eval()
    ids, picture = torch.randint(0, 100, (1, 7)), torch.randn(1, 16, 12)
    with torch.no_grad():
        print("caption norm %.3f" % model.caption_state(ids).norm())
        for step in range(3):
            picture = picture - 0.1 * model(ids, picture)
            print("step %d std %.3f" % (step, picture.std()))
