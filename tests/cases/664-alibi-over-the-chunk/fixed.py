"""Falcon style decoder with linear position biases; long prompts are fed in chunks to save memory."""
import math

import torch
from torch import nn
from transformers import DynamicCache


def linear_bias(heads, length):
    slopes = torch.tensor([2 ** (-8 * (h + 1) / heads) for h in range(heads)])
    return slopes.view(1, heads, 1, 1) * torch.arange(length).view(1, 1, 1, length)


class Attention(nn.Module):
    def __init__(self, width, heads, layer_idx):
        super().__init__()
        self.heads, self.head_dim, self.layer_idx = heads, width // heads, layer_idx
        self.query_key_value = nn.Linear(width, 3 * width)
        self.dense = nn.Linear(width, width)

    def forward(self, x, bias, cache):
        b, t, d = x.shape
        qkv = self.query_key_value(x).view(b, t, 3, self.heads, self.head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        k, v = cache.update(k, v, self.layer_idx)
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim)
        visible = torch.ones(t, k.size(2), dtype=torch.bool).tril(k.size(2) - t)
        scores = (scores + bias).masked_fill(~visible, float("-inf"))
        return self.dense((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, width, heads, layer_idx):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, layer_idx)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, bias, cache):
        h = self.norm(x)
        return x + self.attention(h, bias, cache) + self.mlp(h)


class Decoder(nn.Module):
    def __init__(self, vocab=50, width=32, heads=4, layers=2):
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(vocab, width)
        self.blocks = nn.ModuleList(Block(width, heads, i) for i in range(layers))
        self.lm_head = nn.Linear(width, vocab, bias=False)

    def forward(self, ids, cache):
        bias = linear_bias(self.heads, cache.get_seq_length() + ids.size(1))
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, bias, cache)
        return self.lm_head(x)


@torch.no_grad()
def prefill(model, ids, chunk):
    cache = DynamicCache()
    for piece in ids.split(chunk, dim=1):
        logits = model(piece, cache)
        print("cached", cache.get_seq_length())
    return logits[:, -1], cache


if __name__ == "__main__":
    torch.manual_seed(0)
    decoder = Decoder().eval()
    prompt = torch.randint(0, 50, (2, 20))
    last, cache = prefill(decoder, prompt, chunk=8)
    print("next", last.argmax(-1).tolist())
