import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def load_image(path):
    array = torch.from_numpy(np.load(path)).float() / 255
    return array.permute(2, 0, 1).unsqueeze(0)


class MultiReferenceSelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.to_out = nn.Linear(dim, dim)
        self.register([], [])

    def register(self, ref_masks, mask_weights):
        self.ref_masks, self.mask_weights = ref_masks, mask_weights

    def get_ref_mask(self, mask, weight, side):
        return F.interpolate(mask, (side, side), mode="nearest") * weight

    def heads_first(self, t):
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x):
        n, side = x.size(1), int(x.size(1) ** 0.5)
        q = self.heads_first(self.to_q(x[:1]))
        k = self.heads_first(self.to_k(x).flatten(0, 1).unsqueeze(0))
        v = self.heads_first(self.to_v(x).flatten(0, 1).unsqueeze(0))
        sim = q @ k.transpose(-2, -1) * self.scale
        parts = [sim[..., :n]]
        for i, (mask, weight) in enumerate(zip(self.ref_masks, self.mask_weights), start=1):
            keep = self.get_ref_mask(mask, weight, side).view(1, -1)
            sim_ref = sim[..., n * i:n * (i + 1)]
            parts.append(sim_ref * keep + torch.zeros_like(keep).masked_fill(keep == 0, -1e4))
        out = torch.cat(parts, dim=-1).softmax(-1) @ v
        return self.to_out(out.transpose(1, 2).flatten(2))


class Painter(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.stem, self.head = nn.Conv2d(4, dim, 1), nn.Conv2d(dim, 4, 1)
        self.attention = MultiReferenceSelfAttention(dim, heads=4)

    def forward(self, latent, references):
        h = self.stem(torch.cat([latent, references]))
        tokens = h.flatten(2).transpose(1, 2)
        mixed = tokens[:1] + self.attention(tokens)
        return self.head(mixed.transpose(1, 2).reshape(1, -1, *h.shape[-2:]))


def draw_masks(folder):
    for name, columns in (("hat", slice(0, 30)), ("dog", slice(20, 64))):
        canvas = np.zeros((64, 64, 3), dtype=np.uint8)
        canvas[:, columns] = 255
        np.save(path := os.path.join(folder, f"{name}_mask.npy"), canvas)
        yield path


@torch.no_grad()
def main():
    torch.manual_seed(0)
    model = Painter().eval()
    latent, references = torch.randn(1, 4, 8, 8), torch.randn(2, 4, 8, 8)
    print("no references", tuple(model(latent, references[:0]).shape))
    with tempfile.TemporaryDirectory() as folder:
        masks = [load_image(path) for path in draw_masks(folder)]
    model.attention.register(masks, [3.0, 2.0])
    print("hat and dog", tuple(model(latent, references).shape))


main()
