"""Minimal llama-style inference engine with a preallocated key/value cache."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    vocab: int = 64
    width: int = 32
    heads: int = 4
    layers: int = 2
    max_seq_len: int = 48
    max_batch_size: int = 1


class Cache:
    def __init__(self, config, batch_size=1):
        shape = (batch_size, config.max_seq_len, config.heads, config.width // config.heads)
        self.keys = [torch.zeros(shape) for _ in range(config.layers)]
        self.values = [torch.zeros(shape) for _ in range(config.layers)]
        self.current_seq_len = 0


class Attention(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.index, self.heads = index, config.heads
        self.q, self.k, self.v, self.o = (nn.Linear(config.width, config.width, bias=False) for _ in range(4))

    def forward(self, x, cache):
        rows, length, _ = x.shape
        past = cache.current_seq_len
        q, k, v = (proj(x).unflatten(-1, (self.heads, -1)) for proj in (self.q, self.k, self.v))
        keys = cache.keys[self.index].narrow(0, 0, rows)
        values = cache.values[self.index].narrow(0, 0, rows)
        keys.narrow(1, past, length).copy_(k)
        values.narrow(1, past, length).copy_(v)
        mask = torch.ones(length, past + length, dtype=torch.bool).tril(past)
        keys, values = (t[:, :past + length].transpose(1, 2) for t in (keys, values))
        return self.o(F.scaled_dot_product_attention(q.transpose(1, 2), keys, values, mask).transpose(1, 2).flatten(2))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed = nn.Embedding(config.vocab, config.width)
        self.attention = nn.ModuleList(Attention(config, i) for i in range(config.layers))
        self.head = nn.Linear(config.width, config.vocab)

    @torch.inference_mode()
    def forward(self, ids, cache):
        x = self.embed(ids)
        for layer in self.attention:
            x = x + layer(x, cache)
        cache.current_seq_len += ids.size(1)
        return self.head(x[:, -1])


def generate_simple(model, cache, prompts, num_tokens):
    cache.current_seq_len = 0
    step, out = prompts, []
    for _ in range(num_tokens):
        step = model(step, cache).argmax(-1, keepdim=True)
        out.append(step)
    return torch.cat(out, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    config = Config(max_batch_size=2)
    model, cache = Model(config), Cache(config, batch_size=config.max_batch_size)
    prompts = torch.randint(0, config.vocab, (2, 9))
    print("one prompt ", generate_simple(model, cache, prompts[:1], 6).tolist())
    print("two prompts", generate_simple(model, cache, prompts, 6).tolist())
