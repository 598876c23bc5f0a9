"""Text to image in miniature: denoise latents under classifier-free guidance."""
import torch
import torch.nn.functional as F
from torch import nn

VOCAB = 400


class TextEncoder(nn.Module):
    def __init__(self, width, length=10):
        super().__init__()
        self.length = length
        self.token = nn.Embedding(VOCAB, width)
        self.mix = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)

    def forward(self, texts):
        rows = [[1] + [2 + sum(map(ord, w)) % (VOCAB - 2) for w in t.split()] for t in texts]
        ids = torch.tensor([(r + [0] * self.length)[:self.length] for r in rows])
        return self.mix(self.token(ids))


class CrossBlock(nn.Module):
    def __init__(self, channels, width, heads=4):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels)
        self.to_kv = nn.Linear(width, 2 * channels)
        self.out = nn.Linear(channels, channels)

    def split(self, t):
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, context):
        tokens = x.flatten(2).transpose(1, 2)
        k, v = self.to_kv(context).chunk(2, dim=-1)
        mixed = F.scaled_dot_product_attention(self.split(self.to_q(tokens)), self.split(k), self.split(v))
        tokens = tokens + self.out(mixed.transpose(1, 2).flatten(2))
        return tokens.transpose(1, 2).view_as(x)


class Pipeline:
    def __init__(self, channels=16, width=32):
        self.text = TextEncoder(width).eval()
        self.unet = CrossBlock(channels, width).eval()
        self.channels = channels

    def encode(self, prompts, negative, images):
        text = self.text(prompts).repeat_interleave(images, dim=0)
        uncond = self.text([negative] if isinstance(negative, str) else negative)
        uncond = uncond.repeat(len(prompts) * images, 1, 1)
        return torch.cat([uncond, text])

    @torch.no_grad()
    def __call__(self, prompts, negative="", images=1, steps=3, scale=5.0):
        context = self.encode(prompts, negative, images)
        latents = torch.randn(len(prompts) * images, self.channels, 8, 8)
        for _ in range(steps):
            noise = self.unet(torch.cat([latents] * 2), context)
            free, guided = noise.chunk(2)
            latents = latents - 0.1 * (free + scale * (guided - free))
        return latents


torch.manual_seed(5)
pipe = Pipeline()
prompts = ["a red fox in snow", "two boats at dawn", "an old clock"]
print("plain", tuple(pipe(prompts, images=2).shape))
latents = pipe(prompts, negative=["blurry", "people", "text and watermark"], images=2)
print("guided", tuple(latents.shape), "std %.3f" % latents.std())
