"""A small text-conditioned denoiser, sampled with classifier-free guidance."""
import torch
from torch import nn
import torch.nn.functional as F

VOCAB = {w: i for i, w in enumerate(["<pad>", "a", "cat", "playing", "with", "ball", "in", "the", "forest", "blurry"])}
MAX_WORDS = 7


def tokenize(prompts):
    rows = [[VOCAB[w] for w in prompt.split()] for prompt in prompts]
    return torch.tensor([row + [0] * (MAX_WORDS - len(row)) for row in rows])


class CrossAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.out = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)

    def forward(self, x, context, bias):
        q, k, v = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (self.q(x), *self.kv(context).chunk(2, dim=-1))
        )
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return x + self.out(out.transpose(1, 2).flatten(2))


class Denoiser(nn.Module):
    def __init__(self, dim=32, heads=4, patch=4):
        super().__init__()
        self.inp, self.outp = nn.Conv2d(4, dim, patch, patch), nn.ConvTranspose2d(dim, 4, patch, patch)
        self.blocks = nn.ModuleList(CrossAttention(dim, heads) for _ in range(2))

    def forward(self, latents, t, context, bias):
        x = self.inp(latents) + t
        h, w = x.shape[-2:]
        x = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x, context, bias)
        return self.outp(x.transpose(1, 2).unflatten(2, (h, w)))


def mask_to_bias(ids):
    keep = ids != 0
    keep[:, 0] = True
    return torch.zeros(keep.shape).masked_fill(~keep, -10000.0)[:, None, None, :]


@torch.no_grad()
def sample(text, unet, prompts, guidance, negative="blurry", steps=3):
    ids = tokenize(prompts)
    context, bias = text(ids), mask_to_bias(ids)
    if guidance > 1:
        negative_ids = tokenize([negative] * len(prompts))
        context = torch.cat([text(negative_ids), context])
        bias = torch.cat([mask_to_bias(negative_ids), bias])
    latents = torch.randn(len(prompts), 4, 16, 16)
    for t in torch.linspace(1, 0, steps):
        inputs = torch.cat([latents] * 2) if guidance > 1 else latents
        noise = unet(inputs, t, context, bias)
        if guidance > 1:
            uncond, cond = noise.chunk(2)
            noise = uncond + guidance * (cond - uncond)
        latents = latents - noise / steps
    return latents


torch.manual_seed(0)
text, unet = nn.Embedding(len(VOCAB), 32).eval(), Denoiser().eval()
prompts = ["a cat playing with a ball", "the forest", "a ball in the forest"]
for guidance in (1.0, 4.0):
    print(f"guidance {guidance}: std {sample(text, unet, prompts, guidance).std():.3f}")
