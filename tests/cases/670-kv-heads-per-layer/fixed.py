"""Layer-wise scaled decoder: narrow attention in the first layers, wider towards the end."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class ElmConfig:
    vocab: int = 50
    dim: int = 48
    head_dim: int = 8
    query_heads: tuple = (6, 6, 8, 8)
    kv_heads: tuple = (3, 3, 4, 4)


class KVStore:
    def __init__(self, config, rows, length):
        shapes = [(rows, heads, length, config.head_dim) for heads in config.kv_heads]
        self.keys = [torch.zeros(shape) for shape in shapes]
        self.values = [torch.zeros(shape) for shape in shapes]
        self.seen = 0

    def append(self, layer, k, v):
        end = self.seen + k.size(2)
        self.keys[layer][:, :, self.seen:end] = k
        self.values[layer][:, :, self.seen:end] = v
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]


class Block(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.index, self.d = index, config.head_dim
        self.q, self.kv = config.query_heads[index], config.kv_heads[index]
        self.qkv = nn.Linear(config.dim, (self.q + 2 * self.kv) * self.d)
        self.out, self.norm = nn.Linear(self.q * self.d, config.dim), nn.LayerNorm(config.dim)

    def forward(self, x, store):
        b, t, _ = x.shape
        heads = self.qkv(self.norm(x)).view(b, t, -1, self.d).transpose(1, 2)
        q, k, v = heads.split([self.q, self.kv, self.kv], dim=1)
        k, v = store.append(self.index, k, v)
        mask = torch.ones(t, k.size(2), dtype=torch.bool).tril(k.size(2) - t)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
        return x + self.out(y.transpose(1, 2).reshape(b, t, -1))


class Elm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed, self.head = nn.Embedding(config.vocab, config.dim), nn.Linear(config.dim, config.vocab)
        self.blocks = nn.ModuleList(Block(config, i) for i in range(len(config.kv_heads)))

    def forward(self, ids, store):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, store)
        store.seen += ids.size(1)
        return self.head(x[:, -1])


@torch.no_grad()
def generate(model, ids, steps):
    store = KVStore(model.config, ids.size(0), ids.size(1) + steps)
    token, out = ids, []
    for _ in range(steps):
        token = model(token, store).argmax(-1, keepdim=True)
        out.append(token)
    return torch.cat(out, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    prompt = torch.randint(0, 50, (2, 7))
    for name, heads in (("uniform", ((6,) * 4, (3,) * 4)), ("scaled", ((6, 6, 8, 8), (3, 3, 4, 4)))):
        model = Elm(ElmConfig(query_heads=heads[0], kv_heads=heads[1])).eval()
        print(name, generate(model, prompt, 4).tolist())
