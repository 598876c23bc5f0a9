"""Greedy decoding with a hand-written decoder that keeps its keys ready for the matmul."""
import math

import torch
from torch import nn


class CachedAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.scale = 1 / math.sqrt(width // heads)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.dense = nn.Linear(width, width)

    def forward(self, x, past):
        q, k, v = (t.unflatten(-1, (self.heads, -1)) for t in self.query_key_value(x).chunk(3, dim=-1))
        q = q.transpose(1, 2)
        k = k.permute(0, 2, 3, 1)
        v = v.transpose(1, 2)
        if past is not None:
            k, v = join(past[0], k, dim=3), join(past[1], v)
        scores = q @ k * self.scale
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1 + scores.size(-1) - scores.size(-2))
        weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
        out = (weights @ v).transpose(1, 2).flatten(2)
        return self.dense(out), (k, v)


def join(cached, fresh, dim=2):
    return torch.cat([cached, fresh], dim=dim)


class Decoder(nn.Module):
    def __init__(self, vocab=70, width=32, heads=4, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.layers = nn.ModuleList(CachedAttention(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, vocab)

    def forward(self, ids, pasts=None):
        x = self.embed(ids)
        presents = []
        for i, (norm, layer) in enumerate(zip(self.norms, self.layers)):
            out, present = layer(norm(x), pasts[i] if pasts else None)
            x = x + out
            presents.append(present)
        return self.head(x), presents


@torch.no_grad()
def greedy(model, ids, steps):
    logits, pasts = model(ids)
    picked = [logits[:, -1:].argmax(-1)]
    for _ in range(steps - 1):
        logits, pasts = model(picked[-1], pasts)
        picked.append(logits[:, -1:].argmax(-1))
    return torch.cat(picked, dim=1)


if __name__ == "__main__":
    torch.manual_seed(4)
    decoder = Decoder().eval()
    prompts = torch.randint(0, 70, (2, 6))
    for prompt, answer in zip(prompts.tolist(), greedy(decoder, prompts, steps=5).tolist()):
        print(prompt, "->", answer)
