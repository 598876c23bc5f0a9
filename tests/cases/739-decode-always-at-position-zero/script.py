import torch
from torch import nn
from torch.nn import functional as F


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class LayerCache:
    def __init__(self):
        self.keys = self.values = None

    @property
    def offset(self):
        return 0 if self.keys is None else self.keys.size(2)

    def append(self, keys, values):
        if self.keys is not None:
            keys = torch.cat([self.keys, keys], dim=2)
            values = torch.cat([self.values, values], dim=2)
        self.keys, self.values = keys, values
        return keys, values


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x, cos, sin, cache):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = cache.append(k, v)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=x.size(1) > 1)
        return self.out(y.transpose(1, 2).flatten(2))


class LanguageModel(nn.Module):
    def __init__(self, vocab=50, width=32, heads=2, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(depth))
        self.head = nn.Linear(width, vocab, bias=False)
        dim = width // heads
        self.register_buffer("freqs", 100.0 ** (-torch.arange(0, dim, 2) / dim))

    def rope_index(self, ids, cache):
        return torch.arange(ids.size(1))

    def forward(self, ids, cache):
        angles = torch.outer(self.rope_index(ids, cache).float(), self.freqs)
        cos, sin = angles.cos(), angles.sin()
        x = self.embed(ids)
        for layer, norm, layer_cache in zip(self.layers, self.norms, cache):
            x = x + layer(norm(x), cos, sin, layer_cache)
        return self.head(x)


@torch.no_grad()
def stream(model, prompt, count):
    cache = [LayerCache() for _ in model.layers]
    ids = torch.tensor([prompt])
    for _ in range(count):
        ids = model(ids, cache)[:, -1].argmax(-1, keepdim=True)
        yield ids.item()


if __name__ == "__main__":
    torch.manual_seed(11)
    model = LanguageModel().eval()
    for p in model.layers.parameters():
        nn.init.normal_(p, std=0.5)
    for prompt in ([7, 3, 19, 42, 8, 8, 21], [1, 2, 3, 4]):
        print(prompt, "->", list(stream(model, prompt, 8)))
