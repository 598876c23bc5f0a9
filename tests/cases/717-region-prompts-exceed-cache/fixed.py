"""Caption the regions that a user points at, all points of a picture in one batch."""
import torch
from torch import nn
from torch.nn import functional as F


class CachedAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def reset_cache(self, max_batch_size, max_seq_len):
        shape = (max_batch_size, self.heads, max_seq_len, self.proj.in_features // self.heads)
        self.cache_k, self.cache_v = torch.zeros(shape), torch.zeros(shape)

    def forward(self, x, start):
        n, t, _ = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        self.cache_k[:n, :, start:start + t] = k
        self.cache_v[:n, :, start:start + t] = v
        k, v = self.cache_k[:n, :, :start + t], self.cache_v[:n, :, :start + t]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=start == 0)
        return self.proj(y.transpose(1, 2).flatten(2))


class TextDecoder(nn.Module):
    def __init__(self, vocab=48, width=32, heads=4, depth=2, max_seq_len=16):
        super().__init__()
        self.max_seq_len = max_seq_len
        self.embed = nn.Embedding(vocab, width)
        self.attn = nn.ModuleList(CachedAttention(width, heads) for _ in range(depth))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width)) for _ in range(depth))
        self.out = nn.Linear(width, vocab)

    def reset_cache(self, max_batch_size=1):
        for layer in self.attn:
            layer.reset_cache(max_batch_size, self.max_seq_len)

    def forward(self, x, start):
        for attn, mlp in zip(self.attn, self.mlp):
            x = x + attn(x, start)
            x = x + mlp(x)
        return self.out(x[:, -1])


class PointCaptioner(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.points = nn.Linear(2, width)
        self.patches = nn.Conv2d(3, width, 8, stride=8)
        self.text_decoder = TextDecoder(width=width)

    @torch.no_grad()
    def describe(self, picture, points, length=6):
        self.text_decoder.reset_cache(max_batch_size=len(points))
        scene = self.patches(picture.unsqueeze(0)).flatten(2).mean(-1)
        prompt = torch.stack([scene.expand(len(points), -1), self.points(points)], dim=1)
        logits, pos, words = self.text_decoder(prompt, 0), prompt.size(1), []
        for _ in range(length):
            words.append(logits.argmax(-1))
            logits = self.text_decoder(self.text_decoder.embed(words[-1]).unsqueeze(1), pos)
            pos += 1
        return torch.stack(words, dim=1)


def build():
    torch.manual_seed(1)
    model = PointCaptioner().eval()
    model.text_decoder.reset_cache(max_batch_size=8)
    return model


if __name__ == "__main__":
    model = build()
    for name, count in (("street", 3), ("kitchen", 8), ("market", 9)):
        captions = model.describe(torch.rand(3, 32, 48), torch.rand(count, 2))
        print(f"{name:<8} {len(captions)} captions, first {captions[0].tolist()}")
