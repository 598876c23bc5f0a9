"""Greedy and beam search decoding for a small speech encoder-decoder with cached keys and values."""
import math
from dataclasses import dataclass

import torch
from torch import nn

SOT, VOCAB = 1, 24


def take(tensors, rows):
    return [t[rows] for t in tensors]


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, cache, audio=None):
        source = x if audio is None else audio
        if audio is None or self not in cache:
            new = [self.split(self.k(source)), self.split(self.v(source))]
            cache[self] = [torch.cat(pair, 2) for pair in zip(cache[self], new)] if self in cache else new
        k, v = cache[self]
        scores = self.split(self.q(x)) @ k.transpose(-1, -2) / math.sqrt(k.size(-1))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Recogniser(nn.Module):
    def __init__(self, n_mels=8, width=32, heads=4, depth=2):
        super().__init__()
        self.audio = nn.Sequential(nn.Conv1d(n_mels, width, 3, stride=2, padding=1), nn.GELU())
        self.embed = nn.Embedding(VOCAB, width)
        self.position = nn.Parameter(torch.randn(32, width) * 0.5)
        self.layers = nn.ModuleList(nn.ModuleList(Attention(width, heads) for _ in range(2)) for _ in range(depth))
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, VOCAB))

    def encode(self, mel):
        return self.audio(mel).transpose(1, 2)

    def step(self, token, index, audio, cache):
        x = (self.embed(token) + self.position[index]).unsqueeze(1)
        for own, cross in self.layers:
            x = x + own(x, cache)
            x = x + cross(x, cache, audio)
        return self.out(x[:, 0])


@dataclass
class DecodingTask:
    model: Recogniser
    beam_size: int = 1
    max_tokens: int = 6

    @torch.no_grad()
    def run(self, mel):
        audio = self.model.encode(mel[None])
        tokens, cache = torch.full((self.beam_size, 1), SOT), {}
        scores = torch.zeros(self.beam_size)
        for index in range(self.max_tokens):
            logits = self.model.step(tokens[:, -1], index, audio, cache)
            tokens, scores, parents = self.update(tokens, scores, logits.log_softmax(-1))
            if self.beam_size > 1:
                self.rearrange_kv_cache(cache, parents)
        return tokens[scores.argmax(), 1:].tolist(), scores.max().item()

    def update(self, tokens, scores, logprobs):
        found = {}
        for row, prefix in enumerate(tokens.tolist()):
            best = logprobs[row].topk(self.beam_size + 1)
            for logprob, token in zip(best.values, best.indices.tolist()):
                found[(*prefix, token)] = ((scores[row] + logprob).item(), row)
        ranked = sorted(found.items(), key=lambda item: item[1][0], reverse=True)[: self.beam_size]
        totals, parents = zip(*(value for _, value in ranked))
        return torch.tensor([sequence for sequence, _ in ranked]), torch.tensor(totals), list(parents)

    def rearrange_kv_cache(self, cache, parents):
        if parents == list(range(self.beam_size)):
            return
        for own, _ in self.model.layers:
            cache[own] = take(cache[own], parents)


def main():
    torch.manual_seed(0)
    model = Recogniser().eval()
    clip = torch.randn(8, 40)
    for beam_size in (1, 3):
        sequence, score = DecodingTask(model, beam_size).run(clip)
        print(f"beam {beam_size}: {sequence} {score:.2f}")


if __name__ == "__main__":
    main()
