"""Models of the next entry that hide what comes, in each of the usual ways; one that may look at all of it."""

import torch
import torch.nn.functional as F
from torch import nn


class ByHand(nn.Module):
    def __init__(self, kernel, dim=16):
        super().__init__()
        self.kernel = kernel
        self.qkv = nn.Linear(dim, 3 * dim)
        self.register_buffer("ahead", torch.ones(64, 64, dtype=torch.bool).triu(1))

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.kernel:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = q @ k.transpose(1, 2) / q.size(-1) ** 0.5
        n = x.size(1)
        return F.softmax(scores.masked_fill(self.ahead[:n, :n], float("-inf")), dim=-1) @ v


class Layers(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        layer = nn.TransformerEncoderLayer(dim, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))
        return self.encoder(x, mask=mask, is_causal=True)


class LM(nn.Module):
    def __init__(self, body, vocab=20, dim=16):
        super().__init__()
        self.embed, self.body, self.head = nn.Embedding(vocab, dim), body, nn.Linear(dim, vocab)

    def forward(self, ids):
        return self.head(self.body(self.embed(ids)))


class Copier(nn.Module):
    """Encodes a series and decodes it again: the encoder may look at all of it."""

    def __init__(self, vocab=20, dim=16):
        super().__init__()
        self.embed, self.head = nn.Embedding(vocab, dim), nn.Linear(dim, vocab)
        self.core = nn.Transformer(dim, 2, 1, 1, 32, batch_first=True)

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.size(1))
        return self.head(self.core(self.embed(source), self.embed(target), tgt_mask=mask))


torch.manual_seed(0)
text = torch.randint(0, 20, (4, 13))
for body in (ByHand(True), ByHand(False), Layers()):
    model = LM(body)
    cut = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
    whole = F.cross_entropy(model(text)[:, :-1].flatten(0, 1), text[:, 1:].flatten())
    (cut + whole).backward()
    print(round(cut.item(), 3), round(whole.item(), 3))
copier = Copier()
loss = F.cross_entropy(copier(text, text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
loss.backward()
print(round(loss.item(), 3))

tagger = LM(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True))
tags = torch.randint(0, 20, (4, 14))[:, 1:]
print(F.cross_entropy(tagger(text).flatten(0, 1), tags.flatten()).item() > 0)
