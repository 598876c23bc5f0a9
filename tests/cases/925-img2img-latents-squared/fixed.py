import torch
from torch import nn


class CrossAttention(nn.Module):
    def __init__(self, dim, context_dim, heads=2):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_kv = nn.Linear(context_dim, 2 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def split(self, t):
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, context):
        q = self.split(self.to_q(x))
        k, v = (self.split(t) for t in self.to_kv(context).chunk(2, dim=-1))
        weights = (q @ k.transpose(-1, -2) * q.size(-1) ** -0.5).softmax(-1)
        return self.to_out((weights @ v).transpose(1, 2).flatten(2))


class UNet(nn.Module):
    def __init__(self, channels=4, dim=16, context_dim=12):
        super().__init__()
        self.conv_in, self.conv_out = nn.Conv2d(channels, dim, 3, padding=1), nn.Conv2d(dim, channels, 3, padding=1)
        self.time = nn.Embedding(50, dim)
        self.attn = CrossAttention(dim, context_dim)

    def forward(self, sample, t, encoder_hidden_states):
        h = self.conv_in(sample) + self.time.weight[t][:, None, None]
        tokens = h.flatten(2).transpose(1, 2)
        tokens = tokens + self.attn(tokens, encoder_hidden_states)
        return self.conv_out(tokens.transpose(1, 2).unflatten(2, h.shape[-2:]))


class Img2ImgPipeline:
    def __init__(self, vae_encoder, text_encoder, unet):
        self.vae_encoder, self.text_encoder, self.unet = vae_encoder, text_encoder, unet

    def tokenize(self, texts, length=7):
        rows = [[ord(c) % 90 for c in text.ljust(length)[:length]] for text in texts]
        return torch.tensor(rows)

    @torch.no_grad()
    def __call__(self, prompt, init_image, strength=0.6, steps=10, guidance_scale=5.0):
        batch_size = 1 if isinstance(prompt, str) else len(prompt)
        prompt = [prompt] if isinstance(prompt, str) else prompt
        text = self.text_encoder(self.tokenize(prompt))
        uncond = self.text_encoder(self.tokenize([""] * batch_size))
        text_embeddings = torch.cat([uncond, text])

        init_latents = 0.18215 * self.vae_encoder(init_image)
        init_latents = init_latents.repeat(batch_size // len(init_latents), 1, 1, 1)
        noise = torch.randn(init_latents.shape)
        latents = (1 - strength) ** 0.5 * init_latents + strength ** 0.5 * noise
        for t in reversed(range(int(steps * strength))):
            model_input = torch.cat([latents] * 2)
            noise_uncond, noise_text = self.unet(model_input, t, text_embeddings).chunk(2)
            latents = latents - 0.1 * (noise_uncond + guidance_scale * (noise_text - noise_uncond))
        return latents


if __name__ == "__main__":
    torch.manual_seed(0)
    pipe = Img2ImgPipeline(nn.Conv2d(3, 4, 8, stride=8), nn.Embedding(90, 12), UNet())
    photos = torch.rand(3, 3, 48, 48) * 2 - 1
    print("one", tuple(pipe("a barn", photos[:1]).shape))
    print("three", tuple(pipe(["a barn", "a mill", "a quay"], photos).shape))
