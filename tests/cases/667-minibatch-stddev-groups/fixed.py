import math
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

args = SimpleNamespace(size=32, latent=16, batch=8, iters=3, lr=2e-3, channels=16)


class Generator(nn.Module):
    def __init__(self, size, latent, channels):
        super().__init__()
        self.channels = channels
        self.mapping = nn.Sequential(nn.Linear(latent, 64), nn.LeakyReLU(0.2), nn.Linear(64, channels * 16))
        self.ups = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(int(math.log2(size)) - 2))
        self.to_rgb = nn.Conv2d(channels, 3, 1)

    def forward(self, z):
        h = self.mapping(z).view(-1, self.channels, 4, 4)
        for conv in self.ups:
            h = F.leaky_relu(conv(F.interpolate(h, scale_factor=2)), 0.2)
        return self.to_rgb(h).tanh()


class Discriminator(nn.Module):
    def __init__(self, size, channels):
        super().__init__()
        self.from_rgb = nn.Conv2d(3, channels, 1)
        self.downs = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2, 1) for _ in range(int(math.log2(size)) - 2))
        self.stddev_group = 4
        self.stddev_feat = 1
        self.final_conv = nn.Conv2d(channels + 1, channels, 3, padding=1)
        self.final_linear = nn.Linear(channels * 16, 1)

    def forward(self, img):
        h = self.from_rgb(img)
        for conv in self.downs:
            h = F.leaky_relu(conv(h), 0.2)
        batch, channel, height, width = h.shape
        group = min(batch, self.stddev_group)
        std = h.view(group, -1, self.stddev_feat, channel // self.stddev_feat, height, width)
        std = torch.sqrt(std.var(0, unbiased=False) + 1e-8)
        std = std.mean([2, 3, 4], keepdim=True).squeeze(2)
        std = std.repeat(group, 1, height, width)
        h = F.leaky_relu(self.final_conv(torch.cat([h, std], 1)), 0.2)
        return self.final_linear(h.flatten(1))


def photos(batch, size):
    while True:
        yield torch.rand(batch, 3, size, size) * 2 - 1


def train(args):
    generator = Generator(args.size, args.latent, args.channels)
    discriminator = Discriminator(args.size, args.channels)
    g_optim = torch.optim.Adam(generator.parameters(), args.lr, betas=(0.0, 0.99))
    d_optim = torch.optim.Adam(discriminator.parameters(), args.lr, betas=(0.0, 0.99))
    loader = photos(args.batch, args.size)
    for i in range(args.iters):
        real = next(loader)
        fake = generator(torch.randn(args.batch, args.latent)).detach()
        d_loss = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()
        d_optim.zero_grad()
        d_loss.backward()
        d_optim.step()
        fake = generator(torch.randn(args.batch, args.latent))
        g_loss = F.softplus(-discriminator(fake)).mean()
        g_optim.zero_grad()
        g_loss.backward()
        g_optim.step()
        print(f"iter {i} d {d_loss.item():.4f} g {g_loss.item():.4f}")


torch.manual_seed(0)
train(args)
