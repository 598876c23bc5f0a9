"""A small engine with a paged key/value pool."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class ModelConfig:
    vocab_size: int = 64
    hidden_size: int = 64
    num_layers: int = 2
    num_heads: int = 4
    num_kv_heads: int = 2
    head_dim: int = 16


class KVPool:
    def __init__(self, num_layers, num_blocks, block_size=4, num_heads=8, head_dim=32):
        self.block_size = block_size
        self.layers = [torch.zeros(num_blocks, 2, block_size, num_heads, head_dim) for _ in range(num_layers)]

    def write(self, layer, slots, key, value):
        kv = self.layers[layer]
        for row, slot in enumerate(slots):
            block, offset = divmod(slot, self.block_size)
            kv[block, 0, offset] = key[row]
            kv[block, 1, offset] = value[row]

    def read(self, layer, slots):
        kv = self.layers[layer]
        return torch.stack([kv[s // self.block_size, :, s % self.block_size] for s in slots], dim=1)


class Attention(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.config, self.index = config, index
        self.qkv = nn.Linear(config.hidden_size, (config.num_heads + 2 * config.num_kv_heads) * config.head_dim)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x, pool, slots, new):
        c = self.config
        q, k, v = self.qkv(x).view(len(x), -1, c.head_dim).split([c.num_heads, c.num_kv_heads, c.num_kv_heads], dim=1)
        pool.write(self.index, new, k, v)
        keys, values = pool.read(self.index, slots)
        mask = torch.ones(len(x), len(slots), dtype=torch.bool).tril(len(slots) - len(x))
        q, keys, values = (t.transpose(0, 1)[None] for t in (q, keys, values))
        o = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, enable_gqa=True)
        return x + self.out(o[0].transpose(0, 1).reshape(len(x), -1))


class Engine:
    def __init__(self, config, num_blocks=16):
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = [Attention(config, i) for i in range(config.num_layers)]
        self.pool = KVPool(config.num_layers, num_blocks)

    @torch.no_grad()
    def generate(self, prompt, max_tokens):
        ids, cached = list(prompt), 0
        while len(ids) < len(prompt) + max_tokens:
            x = self.embed(torch.tensor(ids[cached:]))
            for layer in self.layers:
                x = layer(x, self.pool, range(len(ids)), range(cached, len(ids)))
            cached = len(ids)
            ids.append((x[-1] @ self.embed.weight.T).argmax().item())
        return ids[len(prompt):]


if __name__ == "__main__":
    torch.manual_seed(0)
    engine = Engine(ModelConfig())
    print("pool", tuple(engine.pool.layers[0].shape))
    print(engine.generate([3, 17, 40, 8, 25], max_tokens=6))
