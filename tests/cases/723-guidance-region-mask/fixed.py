import torch
import torch.nn as nn
import torch.nn.functional as F


class FaceAttention(nn.Module):
    """Adds the identity of a face to the image tokens, inside a region."""

    def __init__(self, dim, id_dim, heads=4):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_kv = nn.Linear(id_dim, 2 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self.region = None

    def forward(self, x, id_tokens):
        q = self.to_q(self.norm(x))
        k, v = self.to_kv(id_tokens).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        out = self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        if self.region is not None:
            out = out * self.region
        return x + out


class Model(nn.Module):
    def __init__(self, channels=4, dim=32, id_dim=24):
        super().__init__()
        self.img_in, self.img_out = nn.Linear(channels, dim), nn.Linear(dim, channels)
        self.face = FaceAttention(dim, id_dim)
        self.mlp = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim))

    def forward(self, latents, id_tokens):
        b, c, h, w = latents.shape
        x = self.face(self.img_in(latents.flatten(2).transpose(1, 2)), id_tokens)
        x = self.img_out(x + self.mlp(x))
        return x.transpose(1, 2).reshape(b, c, h, w)


class Sampler:
    def __init__(self, model, guidance=2.0, steps=3):
        self.model, self.guidance, self.steps = model, guidance, steps

    def set_region(self, masks, size):
        small = F.interpolate(masks.unsqueeze(1), size=size, mode="area")
        self.model.face.region = small.flatten(2).transpose(1, 2).repeat(2, 1, 1)

    @torch.no_grad()
    def __call__(self, latents, faces, masks=None):
        self.model.face.region = None
        if masks is not None:
            self.set_region(masks, latents.shape[-2:])
        id_tokens = torch.cat([torch.zeros_like(faces), faces])
        for _ in range(self.steps):
            noise = self.model(torch.cat([latents, latents]), id_tokens)
            empty, given = noise.chunk(2)
            latents = latents - 0.1 * (empty + self.guidance * (given - empty))
        return latents


def left_half(n, side=64):
    masks = torch.zeros(n, side, side)
    masks[:, :, :side // 2] = 1.0
    return masks


torch.manual_seed(0)
sampler = Sampler(Model().eval())
faces, noise = torch.randn(3, 5, 24), torch.randn(3, 4, 8, 8)
print("three images      ", "%.4f" % sampler(noise, faces).std().item())
print("one image, masked ", "%.4f" % sampler(noise[:1], faces[:1], left_half(1)).std().item())
print("three, masked     ", "%.4f" % sampler(noise, faces, left_half(3)).std().item())
