"""Batched generation for a decoder with sliding window attention; prompts are padded on the left."""
import torch
from torch import nn

PAD, WINDOW = 0, 8


class WindowCache:
    def __init__(self):
        self.keys, self.values = {}, {}

    def update(self, layer, k, v):
        if layer in self.keys:
            k = torch.cat([self.keys[layer], k], dim=2)
            v = torch.cat([self.values[layer], v], dim=2)
        self.keys[layer], self.values[layer] = k[:, :, -WINDOW + 1:], v[:, :, -WINDOW + 1:]
        return k, v


class WindowAttention(nn.Module):
    def __init__(self, index, width, heads):
        super().__init__()
        self.index, self.heads = index, heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x, mask, cache):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        k, v = cache.update(self.index, k, v)
        q_len, k_len = q.size(2), k.size(2)
        behind = torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)[None, :]
        local = (behind >= 0) & (behind < WINDOW)
        visible = local & mask[:, None, None, :]
        scores = (q @ k.mT / q.size(-1) ** 0.5).masked_fill(~visible, -1e9)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class WindowLM(nn.Module):
    def __init__(self, vocab=50, width=32, heads=4, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.attn = nn.ModuleList(WindowAttention(i, width, heads) for i in range(depth))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.head = nn.Linear(width, vocab)

    def forward(self, ids, attention_mask, cache):
        x = self.embed(ids)
        mask = attention_mask.bool()
        for norm, attn in zip(self.norm, self.attn):
            x = x + attn(norm(x), mask, cache)
        return self.head(x[:, -1])


@torch.no_grad()
def generate(model, prompts, steps):
    width = max(map(len, prompts))
    ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
    mask, cache, feed = (ids != PAD).long(), WindowCache(), ids
    for _ in range(steps):
        feed = model(feed, mask, cache).argmax(-1, keepdim=True)
        mask = torch.cat([mask, torch.ones_like(feed)], dim=1)
        ids = torch.cat([ids, feed], dim=1)
    return ids[:, width:].tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    lm = WindowLM().eval()
    print("3 tokens", generate(lm, [[4, 9, 12, 7], [31, 5]], steps=3))
    print("9 tokens", generate(lm, [[4, 9, 12, 7], [31, 5]], steps=9))
