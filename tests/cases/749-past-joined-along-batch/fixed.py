"""Incremental text generation with a parallel-style transformer."""
import torch
from torch import nn


class LayerPast:
    """Keys and values of the tokens one layer has already seen."""

    def __init__(self, seq_dim=1):
        self.seq_dim = seq_dim
        self.key = self.value = None

    def append(self, key, value):
        if self.key is not None:
            key = torch.cat((self.key, key), dim=self.seq_dim)
            value = torch.cat((self.value, value), dim=self.seq_dim)
        self.key, self.value = key, value
        return key, value


class ParallelAttention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.dense = nn.Linear(hidden, hidden)

    def forward(self, x, past=None):
        mixed = self.query_key_value(x)
        mixed = mixed.view(*mixed.shape[:-1], self.heads, -1)
        query, key, value = mixed.chunk(3, dim=-1)
        if past is not None:
            key, value = past.append(key, value)
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / query.size(-1) ** 0.5
        q_len, k_len = scores.shape[-2:]
        future = torch.ones(q_len, k_len, dtype=torch.bool).triu(k_len - q_len + 1)
        weights = scores.masked_fill(future, -10000.0).softmax(-1)
        context = torch.einsum("bhqk,bkhd->bqhd", weights, value)
        return self.dense(context.flatten(2))


class ParallelTransformer(nn.Module):
    def __init__(self, vocab=90, hidden=64, heads=4, layers=2, positions=64):
        super().__init__()
        self.word = nn.Embedding(vocab, hidden)
        self.position = nn.Embedding(positions, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.attention = nn.ModuleList(ParallelAttention(hidden, heads) for _ in range(layers))
        self.lm_head = nn.Linear(hidden, vocab, bias=False)

    def new_past(self):
        return [LayerPast() for _ in self.attention]

    def forward(self, ids, start=0, pasts=None):
        x = self.word(ids) + self.position(torch.arange(start, start + ids.size(1)))
        for i, (norm, attention) in enumerate(zip(self.norms, self.attention)):
            x = x + attention(norm(x), pasts[i] if pasts else None)
        return self.lm_head(x)


@torch.no_grad()
def generate(model, context, tokens, incremental):
    pasts = model.new_past() if incremental else None
    start = 0
    for _ in range(tokens):
        logits = model(context[:, start:], start, pasts)
        context = torch.cat((context, logits[:, -1:].argmax(-1)), dim=1)
        start = context.size(1) - 1 if incremental else 0
    return context


if __name__ == "__main__":
    torch.manual_seed(0)
    model = ParallelTransformer().eval()
    context = torch.tensor([[14, 2, 77, 31, 8]])
    for incremental in (False, True):
        out = generate(model, context, 6, incremental)
        print("incremental" if incremental else "full       ", out[0, context.size(1):].tolist())
