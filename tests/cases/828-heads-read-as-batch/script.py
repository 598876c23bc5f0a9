"""Passage scorer with the convolution + self-attention block of a reading model."""
import math

import torch
from torch import nn


class SelfAttention(nn.Module):
    def __init__(self, dim, n_heads=4):
        super().__init__()
        self.n_heads, self.key_dim = n_heads, dim // n_heads
        self.value_dim = dim // n_heads

        def weights(width):
            return nn.ParameterList(nn.Parameter(torch.randn(dim, width) / math.sqrt(dim)) for _ in range(n_heads))

        self.w_q, self.w_k, self.w_v = weights(self.key_dim), weights(self.key_dim), weights(self.value_dim)
        self.w_o = nn.Linear(dim, dim, bias=False)

    def forward(self, x, mask):
        batch_size, length, _ = x.shape
        hidden = ~mask.unsqueeze(1)
        heads = torch.zeros(self.n_heads, batch_size, length, self.value_dim)
        for i in range(self.n_heads):
            q, k, v = x @ self.w_q[i], x @ self.w_k[i], x @ self.w_v[i]
            scores = (q @ k.transpose(1, 2) / math.sqrt(self.key_dim)).masked_fill(hidden, -1e9)
            heads[i] = scores.softmax(dim=-1) @ v
        return self.w_o(heads.view(batch_size, length, -1))


class EncoderBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, 3, padding=1)
        self.attention = SelfAttention(dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))

    def forward(self, x, mask):
        x = x + torch.relu(self.conv(self.norms[0](x).transpose(1, 2))).transpose(1, 2)
        return x + self.attention(self.norms[1](x), mask)


class PassageScorer(nn.Module):
    def __init__(self, vocab=60, dim=32):
        super().__init__()
        self.words = nn.Embedding(vocab, dim, padding_idx=0)
        self.block = EncoderBlock(dim)
        self.out = nn.Linear(dim, 1)

    def forward(self, ids):
        mask = ids.ne(0)
        h = self.block(self.words(ids), mask) * mask.unsqueeze(-1)
        return self.out(h.sum(1) / mask.sum(1, keepdim=True)).squeeze(-1)


@torch.no_grad()
def main():
    torch.manual_seed(3)
    scorer = PassageScorer().eval()
    passages = torch.randint(1, 60, (3, 8))
    print("together ", [round(s, 4) for s in scorer(passages).tolist()])
    print("one by one", [round(scorer(p[None]).item(), 4) for p in passages])


if __name__ == "__main__":
    main()
