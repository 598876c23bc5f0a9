import torch
from torch import nn


class TextAttention(nn.Module):
    def __init__(self, width, text_width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.kv = nn.Linear(text_width, 2 * width)

    def split(self, t):
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, text):
        k, v = self.kv(text).chunk(2, dim=-1)
        q, k, v = self.split(self.q(x)), self.split(k), self.split(v)
        weights = torch.softmax(q @ k.transpose(-1, -2) / q.size(-1) ** 0.5, dim=-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width, text_width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = TextAttention(width, text_width, heads=4)
        self.ff = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x, text):
        x = x + self.attn(self.norm1(x), text)
        return x + self.ff(self.norm2(x))


class DiffusionTransformer(nn.Module):
    def __init__(self, channels=4, width=32, text_width=20, depth=4):
        super().__init__()
        self.inp, self.outp = nn.Linear(channels, width), nn.Linear(width, channels)
        self.time = nn.Linear(1, width)
        self.blocks = nn.ModuleList(Block(width, text_width) for _ in range(depth))

    def forward(self, latents, timestep, text, skip_layers=()):
        x = self.inp(latents.flatten(2).transpose(1, 2)) + self.time(timestep[:, None, None])
        for i, block in enumerate(self.blocks):
            if i not in skip_layers:
                x = block(x, text)
        return self.outp(x).transpose(1, 2).unflatten(2, latents.shape[2:])


class Pipeline:
    def __init__(self):
        self.transformer = DiffusionTransformer().eval()
        self.text_encoder = nn.Embedding(128, 20)

    def encode_prompt(self, prompt, copies, length=10):
        ids = torch.tensor([[ord(c) for c in prompt.ljust(length)[:length]]])
        return self.text_encoder(ids).repeat(copies, 1, 1)

    @torch.no_grad()
    def __call__(self, prompt, negative="", num_images=1, steps=3, scale=4.0, skip_layers=None, skip_scale=2.0):
        embeds = self.encode_prompt(prompt, num_images)
        embeds = torch.cat([self.encode_prompt(negative, num_images), embeds])
        latents = torch.randn(num_images, 4, 6, 6)
        for t in torch.linspace(1, 0, steps):
            pair = torch.cat([latents] * 2)
            uncond, text = self.transformer(pair, t.expand(len(pair)), embeds).chunk(2)
            noise = uncond + scale * (text - uncond)
            if skip_layers is not None:
                skipped = self.transformer(latents, t.expand(num_images), embeds, skip_layers)
                noise = noise + skip_scale * (text - skipped)
            latents = latents - noise / steps
        return latents


torch.manual_seed(0)
pipe = Pipeline()
print("plain       ", tuple(pipe("a blue cat", num_images=2).shape))
print("skip layers ", tuple(pipe("a blue cat", num_images=2, skip_layers=[1, 2]).shape))
