"""Latent inpainting: two prompts, two pictures per prompt."""
import torch
import torch.nn as nn
import torch.nn.functional as F

FACTOR = 4


class Encoder(nn.Module):
    def __init__(self, channels=4):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, FACTOR, stride=FACTOR)

    def forward(self, image):
        return self.conv(image) * 0.18


class DenoisingNet(nn.Module):
    def __init__(self, channels=9, text_dim=16):
        super().__init__()
        self.conv_in = nn.Conv2d(channels, 16, 3, padding=1)
        self.text_proj = nn.Linear(text_dim, 16)
        self.conv_out = nn.Conv2d(16, 4, 3, padding=1)

    def forward(self, sample, text):
        hidden = self.conv_in(sample) + self.text_proj(text.mean(1))[:, :, None, None]
        return self.conv_out(F.silu(hidden))


class InpaintPipeline:
    def __init__(self):
        self.vae, self.unet = Encoder(), DenoisingNet()
        self.tokens = nn.Embedding(128, 16)

    def encode_prompt(self, prompts, num_images_per_prompt):
        ids = torch.tensor([[ord(c) % 128 for c in p[:8].ljust(8)] for p in prompts])
        text = self.tokens(ids).repeat_interleave(num_images_per_prompt, dim=0)
        blank = self.tokens(torch.full_like(ids, 32)).repeat_interleave(num_images_per_prompt, dim=0)
        return torch.cat([blank, text])

    def prepare_mask_latents(self, mask, masked_image, batch_size):
        mask = F.interpolate(mask, scale_factor=1 / FACTOR)
        masked_latents = self.vae(masked_image)
        mask = mask.repeat(batch_size, 1, 1, 1)
        masked_latents = masked_latents.repeat(batch_size, 1, 1, 1)
        return torch.cat([mask] * 2), torch.cat([masked_latents] * 2)

    @torch.no_grad()
    def __call__(self, prompts, image, mask, num_images_per_prompt=1, steps=3, guidance_scale=5.0):
        batch_size = len(prompts)
        text = self.encode_prompt(prompts, num_images_per_prompt)
        height, width = image.shape[-2] // FACTOR, image.shape[-1] // FACTOR
        latents = torch.randn(batch_size * num_images_per_prompt, 4, height, width)
        mask, masked_latents = self.prepare_mask_latents(mask, image * (mask < 0.5), batch_size)
        for _ in range(steps):
            model_input = torch.cat([latents] * 2)
            model_input = torch.cat([model_input, mask, masked_latents], dim=1)
            uncond, cond = self.unet(model_input, text).chunk(2)
            latents = latents - 0.1 * (uncond + guidance_scale * (cond - uncond))
        return latents


if __name__ == "__main__":
    torch.manual_seed(0)
    pipe = InpaintPipeline()
    image = torch.rand(1, 3, 32, 32)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    for count in (1, 2):
        out = pipe(["a red bench", "a blue cat"], image, mask, num_images_per_prompt=count)
        print(count, tuple(out.shape))
