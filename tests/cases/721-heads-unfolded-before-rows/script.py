import math

import torch
from torch import nn


class RelativeAttention(nn.Module):
    """Self-attention with a learned vector for every clipped distance."""

    def __init__(self, width, heads, max_distance=4):
        super().__init__()
        self.heads, self.head_dim, self.max_distance = heads, width // heads, max_distance
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.fc = nn.Linear(width, width)
        self.distance = nn.Embedding(2 * max_distance + 1, self.head_dim)

    def split(self, x):
        batch, length, _ = x.shape
        x = x.view(batch, length, self.heads, self.head_dim).permute(0, 2, 1, 3)
        return x.reshape(batch * self.heads, length, self.head_dim)

    def concat(self, x):
        x = x.permute(0, 2, 1, 3)
        return x.contiguous().view(x.size(0), x.size(1), -1)

    def offsets(self, length):
        steps = torch.arange(length)
        gap = (steps[None, :] - steps[:, None]).clamp(-self.max_distance, self.max_distance)
        return self.distance(gap + self.max_distance)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = q @ k.transpose(1, 2) + torch.einsum("bqd,qkd->bqk", q, self.offsets(length))
        out = (scores / math.sqrt(self.head_dim)).softmax(dim=-1) @ v
        out = out.view(self.heads, batch, length, self.head_dim).transpose(0, 1)
        return self.fc(self.concat(out))


class Tagger(nn.Module):
    def __init__(self, vocab=50, width=32, heads=4, tags=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.attention = RelativeAttention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, tags)

    def forward(self, ids):
        x = self.embed(ids)
        return self.out(self.norm(x + self.attention(x)))


def tag(model, sentences):
    with torch.no_grad():
        logits = model(torch.tensor(sentences))
    return logits.argmax(-1).tolist(), [round(v, 4) for v in logits.amax(-1).mean(-1).tolist()]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Tagger().eval()
    corpus = [[3, 14, 15, 9, 26, 5], [35, 8, 9, 7, 9, 32], [2, 7, 18, 28, 18, 2]]
    for sentence, tags, score in zip(corpus, *tag(model, corpus)):
        print("batch ", sentence, tags, score)
    for sentence in corpus:
        tags, score = tag(model, [sentence])
        print("single", sentence, tags[0], score[0])
