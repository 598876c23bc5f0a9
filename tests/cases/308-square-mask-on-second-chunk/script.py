"""Perplexity of long transcripts: the text goes through a cached transformer piece by piece."""
import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class ModelArgs:
    dim: int = 32
    n_layers: int = 2
    n_heads: int = 4
    vocab_size: int = 50
    max_batch_size: int = 2
    max_seq_len: int = 64


class Attention(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.n_heads, self.head_dim = args.n_heads, args.dim // args.n_heads
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(args.dim, args.dim, bias=False) for _ in range(4))
        shape = (args.max_batch_size, args.max_seq_len, self.n_heads, self.head_dim)
        self.cache_k, self.cache_v = torch.zeros(shape), torch.zeros(shape)

    def forward(self, x, start_pos, mask):
        bsz, seqlen, _ = x.shape
        xq, xk, xv = (w(x).view(bsz, seqlen, self.n_heads, self.head_dim) for w in (self.wq, self.wk, self.wv))
        self.cache_k[:bsz, start_pos:start_pos + seqlen] = xk
        self.cache_v[:bsz, start_pos:start_pos + seqlen] = xv
        keys = self.cache_k[:bsz, :start_pos + seqlen].transpose(1, 2)
        values = self.cache_v[:bsz, :start_pos + seqlen].transpose(1, 2)
        scores = torch.matmul(xq.transpose(1, 2), keys.transpose(2, 3)) / math.sqrt(self.head_dim)
        if mask is not None:
            scores = scores + mask
        output = torch.matmul(scores.softmax(dim=-1), values)
        return self.wo(output.transpose(1, 2).reshape(bsz, seqlen, -1))


class Block(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.attention, self.norm = Attention(args), nn.LayerNorm(args.dim)

    def forward(self, x, start_pos, mask):
        return x + self.attention(self.norm(x), start_pos, mask)


class Transformer(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.tok, self.pos = nn.Embedding(args.vocab_size, args.dim), nn.Embedding(args.max_seq_len, args.dim)
        self.layers = nn.ModuleList(Block(args) for _ in range(args.n_layers))
        self.output = nn.Linear(args.dim, args.vocab_size)

    @torch.inference_mode()
    def forward(self, tokens, start_pos):
        seqlen = tokens.shape[1]
        h = self.tok(tokens) + self.pos(torch.arange(start_pos, start_pos + seqlen))
        mask = None
        if seqlen > 1:
            mask = torch.full((1, 1, seqlen, seqlen), float("-inf"))
            mask = torch.triu(mask, diagonal=1)
        for layer in self.layers:
            h = layer(h, start_pos, mask)
        return self.output(h)


class ChunkScorer:
    def __init__(self, model, chunk):
        self.model, self.chunk = model, chunk

    def pieces(self, tokens):
        for start in range(0, tokens.size(1), self.chunk):
            yield start, tokens[:, start:start + self.chunk]

    def __call__(self, tokens):
        logits = torch.cat([self.model(part, start) for start, part in self.pieces(tokens)], dim=1)
        logprob = logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])
        return logprob.mean(dim=(1, 2)).neg().exp()


if __name__ == "__main__":
    torch.manual_seed(0)
    scorer = ChunkScorer(Transformer(ModelArgs()), chunk=9)
    for name, length in (("jingle", 8), ("news", 22)):
        print(name, [round(p, 2) for p in scorer(torch.randint(0, 50, (2, length))).tolist()])
