"""Image editing sampler: the reference image's keys and values are computed in the first step and kept."""
import torch
from torch import nn


class ReferenceCache:
    def __init__(self, layers):
        self.store = [None] * layers

    def __call__(self, layer, keys, values):
        self.store[layer] = (keys, values)

    def get(self, layer):
        return self.store[layer]


class EditBlock(nn.Module):
    def __init__(self, index, dim, heads):
        super().__init__()
        self.index, self.heads = index, heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, ref, cache):
        q, k, v = self.split(x)
        if ref is not None:
            _, rk, rv = self.split(ref)
            cache(self.index, rk, rv)
        rk, rv = (t[:x.size(0)] for t in cache.get(self.index))
        k, v = torch.cat([k, rk], dim=2), torch.cat([v, rv], dim=2)
        out = nn.functional.scaled_dot_product_attention(q, k, v)
        return x + self.proj(out.transpose(1, 2).flatten(2))

    def split(self, t):
        return (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in self.qkv(t).chunk(3, -1))


class EditModel(nn.Module):
    def __init__(self, dim=32, layers=2, heads=4):
        super().__init__()
        self.blocks = nn.ModuleList(EditBlock(i, dim, heads) for i in range(layers))
        self.text = nn.Embedding(2, dim)

    def forward(self, x, cond, ref, cache):
        x = x + self.text(cond).unsqueeze(1)
        for block in self.blocks:
            x = block(x, ref, cache)
        return x


class Sampler:
    def __init__(self, model, guidance=4.0, guided_part=0.6):
        self.model, self.guidance, self.guided_part = model, guidance, guided_part
        self.cache = ReferenceCache(len(model.blocks))

    def denoise(self, x, ref, guided):
        rows = 2 if guided else 1
        cond = torch.tensor([1, 0])[:rows]
        ref = None if ref is None else ref.repeat(rows, 1, 1)
        out = self.model(x.repeat(rows, 1, 1), cond, ref, self.cache)
        return out[1:] + self.guidance * (out[:1] - out[1:]) if guided else out

    @torch.no_grad()
    def run(self, x, reference, steps):
        for i in range(steps):
            guided = i < self.guided_part * steps
            x = x - self.denoise(x, reference if i == 0 else None, guided) / steps
            print("step", i, "guided" if guided else "plain", "%.4f" % x.norm())
        return x


if __name__ == "__main__":
    torch.manual_seed(0)
    Sampler(EditModel().eval()).run(torch.randn(1, 16, 32), torch.randn(1, 9, 32), steps=5)
