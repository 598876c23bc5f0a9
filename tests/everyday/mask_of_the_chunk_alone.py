"""A small decoder that reads a prompt in chunks and keeps keys and values."""

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads, context):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.register_buffer("tril", torch.ones(context, context, dtype=torch.bool).tril())
        self.past = None

    def causal(self, length):
        return self.tril[:length, :length]

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x):
        q, k, v = map(self.split, self.qkv(x).chunk(3, dim=-1))
        if self.past is not None:
            k = torch.cat([self.past[0], k], dim=2)
            v = torch.cat([self.past[1], v], dim=2)
        self.past = (k, v)
        mask = self.causal(x.size(1))
        scores = q @ k.transpose(-1, -2) / q.size(-1) ** 0.5
        weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).flatten(2))


class Decoder(nn.Module):
    def __init__(self, vocab=60, width=32, heads=4, depth=2, context=64):
        super().__init__()
        self.embed, self.pos = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.layers = nn.ModuleList(Attention(width, heads, context) for _ in range(depth))
        self.head = nn.Linear(width, vocab)
        self.seen = 0

    def forward(self, ids):
        where = torch.arange(self.seen, self.seen + ids.size(1))
        x = self.embed(ids) + self.pos(where)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x))
        self.seen += ids.size(1)
        return self.head(x)


@torch.no_grad()
def chunked_prefill(model, prompt, size):
    for chunk in prompt.split(size, dim=1):
        logits = model(chunk)
        print("read", model.seen, "next", logits[:, -1].argmax(-1).tolist())
    return logits


if __name__ == "__main__":
    torch.manual_seed(0)
    chunked_prefill(Decoder().eval(), torch.randint(0, 60, (2, 12)), size=4)
