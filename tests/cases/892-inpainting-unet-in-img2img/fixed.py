from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F

CHECKPOINTS = {
    "sd-v1-5": dict(in_channels=4, width=16),
    "sd-v1-5-inpainting": dict(in_channels=9, width=16),
}


class UNet(nn.Module):
    def __init__(self, in_channels, width):
        super().__init__()
        self.config = SimpleNamespace(in_channels=in_channels, width=width)
        self.time = nn.Linear(1, width)
        self.conv_in = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.conv_out = nn.Conv2d(2 * width, 4, 3, padding=1)

    def forward(self, sample, timestep):
        skip = self.conv_in(sample) + self.time(timestep.view(-1, 1))[:, :, None, None]
        hidden = self.up(F.silu(self.down(F.silu(skip))))
        return self.conv_out(torch.cat([skip, hidden], dim=1))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv2d(3, 4, 8, stride=8)
        self.decoder = nn.ConvTranspose2d(4, 3, 8, stride=8)


class Img2Img:
    def __init__(self, checkpoint):
        torch.manual_seed(0)
        self.unet = UNet(**CHECKPOINTS[checkpoint]).eval()
        self.vae = Autoencoder().eval()

    def noise_levels(self, strength, steps):
        return torch.linspace(strength, 0, steps + 1)[:-1]

    @torch.no_grad()
    def __call__(self, image, strength=0.6, steps=5, guidance=1.5):
        clean = self.vae.encoder(image)
        levels = self.noise_levels(strength, steps)
        latents = (1 - levels[0]) * clean + levels[0] * torch.randn_like(clean)
        for level in levels:
            model_input = torch.cat([latents, latents])
            if self.unet.config.in_channels == 9:
                everywhere = torch.ones_like(model_input[:, :1])
                model_input = torch.cat([model_input, everywhere, torch.zeros_like(model_input)], dim=1)
            noise = self.unet(model_input, level.expand(len(model_input)))
            uncond, cond = noise.chunk(2)
            noise = uncond + guidance * (cond - uncond)
            latents = latents - noise * levels[0] / steps
        return self.vae.decoder(latents).clamp(-1, 1)


if __name__ == "__main__":
    pipe = Img2Img("sd-v1-5-inpainting")
    photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    result = pipe(photo)
    print("result", tuple(result.shape), "mean %.4f" % result.mean().item())
