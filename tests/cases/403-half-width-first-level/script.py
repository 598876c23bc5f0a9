"""Flow matching on grayscale images with a small U-Net."""
import torch
from torch import nn

GROUPS = 32
CHANNEL_MULT = {32: (1, 2), 64: (1, 2, 2), 128: (0.5, 1, 2)}


def normalization(channels):
    return nn.GroupNorm(GROUPS, channels)


class ResBlock(nn.Module):
    def __init__(self, channels, out_channels, emb):
        super().__init__()
        self.in_layers = nn.Sequential(normalization(channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1))
        self.emb = nn.Linear(emb, out_channels)
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x, emb):
        return self.skip(x) + self.in_layers(x) + self.emb(emb)[..., None, None]


class UNetModel(nn.Module):
    def __init__(self, image_size, num_channels, in_channels=1):
        super().__init__()
        mult = CHANNEL_MULT[image_size]
        ch = int(mult[0] * num_channels)
        self.time = nn.Sequential(nn.Linear(1, num_channels), nn.SiLU())
        self.input = nn.Conv2d(in_channels, ch, 3, padding=1)
        self.down, skips = nn.ModuleList(), []
        for m in mult:
            out = int(m * num_channels)
            self.down.append(ResBlock(ch, out, num_channels))
            ch = out
            skips.append(ch)
        self.up = nn.ModuleList()
        for skip in reversed(skips):
            self.up.append(ResBlock(ch + skip, skip, num_channels))
            ch = skip
        self.pool, self.grow = nn.AvgPool2d(2), nn.Upsample(scale_factor=2)
        self.out = nn.Conv2d(ch, in_channels, 3, padding=1)

    def forward(self, t, x):
        emb, h, feats = self.time(t), self.input(x), []
        for block in self.down:
            h = block(h, emb)
            feats.append(h)
            h = self.pool(h)
        for block in self.up:
            h = block(torch.cat([self.grow(h), feats.pop()], dim=1), emb)
        return self.out(h)


def flow_loss(model, images):
    noise, t = torch.randn_like(images), torch.rand(len(images), 1)
    mixed = torch.lerp(noise, images, t[..., None, None])
    return (model(t, mixed) - (images - noise)).square().mean()


if __name__ == "__main__":
    torch.manual_seed(0)
    for side in (32, 128):
        model = UNetModel(side, num_channels=32)
        print(f"{side} pixels, loss {flow_loss(model, torch.rand(2, 1, side, side)).item():.3f}")
