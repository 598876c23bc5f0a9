"""Sentence tagging with a hand-written transformer encoder and a dataset of our own."""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader

PAD, WORDS, TAGS = 0, 60, 5


def attention(q, k, v, d_k, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(d_k)
    if mask is not None:
        mask = mask.unsqueeze(1)
        scores = scores.masked_fill(mask == 0, -1e9)
    return scores.softmax(-1) @ v


class MultiHeadAttention(nn.Module):
    def __init__(self, heads, d_model):
        super().__init__()
        self.h, self.d_k = heads, d_model // heads
        self.q, self.k, self.v, self.out = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, x, mask=None):
        q, k, v = (f(x).view(x.size(0), -1, self.h, self.d_k).transpose(1, 2) for f in (self.q, self.k, self.v))
        mixed = attention(q, k, v, self.d_k, mask)
        return self.out(mixed.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.attn = MultiHeadAttention(heads, d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, 64), nn.ReLU(), nn.Linear(64, d_model))

    def forward(self, x, mask):
        x = x + self.attn(self.norm_1(x), mask)
        return x + self.ff(self.norm_2(x))


class Encoder(nn.Module):
    def __init__(self, d_model=32, layers=2, heads=4):
        super().__init__()
        self.embed = nn.Embedding(WORDS, d_model, padding_idx=PAD)
        self.layers = nn.ModuleList(EncoderLayer(d_model, heads) for _ in range(layers))
        self.tag = nn.Linear(d_model, TAGS)

    def forward(self, src, mask):
        x = self.embed(src)
        for layer in self.layers:
            x = layer(x, mask)
        return self.tag(x)


def sentences(lengths, seed=0):
    gen = torch.Generator().manual_seed(seed)
    rows = [torch.randint(1, WORDS, (n,), generator=gen) for n in lengths]
    return [(row, row % TAGS) for row in rows]


def collate(samples):
    src = nn.utils.rnn.pad_sequence([s for s, _ in samples], batch_first=True, padding_value=PAD)
    gold = nn.utils.rnn.pad_sequence([t for _, t in samples], batch_first=True, padding_value=-100)
    return src, gold, (src != PAD).long().unsqueeze(1)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Encoder()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    data = sentences([4, 2, 6, 7, 5, 3])
    print(len(data), "sentences")
    for src, gold, mask in DataLoader(data, batch_size=3, collate_fn=collate):
        loss = nn.functional.cross_entropy(model(src, mask).transpose(1, 2), gold)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        print("batch", tuple(src.shape), "loss %.3f" % loss.item())
