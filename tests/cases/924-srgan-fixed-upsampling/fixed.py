from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Args:
    scale: int = 2
    patch_size: int = 12
    batch_size: int = 3
    steps: int = 2


class ResBlock(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(n, n, 3, padding=1), nn.PReLU(), nn.Conv2d(n, n, 3, padding=1))

    def forward(self, x):
        return x + self.body(x)


class Upsampler(nn.Sequential):
    def __init__(self, n, factor):
        super().__init__(nn.Conv2d(n, n * factor ** 2, 3, padding=1), nn.PixelShuffle(factor), nn.PReLU())


class Generator(nn.Module):
    def __init__(self, scale, n_feats=16, num_block=2):
        super().__init__()
        self.conv01 = nn.Sequential(nn.Conv2d(3, n_feats, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(*[ResBlock(n_feats) for _ in range(num_block)])
        self.tail = nn.Sequential(*[Upsampler(n_feats, 2) for _ in range(scale.bit_length() - 1)])
        self.last_conv = nn.Conv2d(n_feats, 3, 3, padding=1)

    def forward(self, x):
        x = self.conv01(x)
        x = self.tail(x + self.body(x))
        return torch.tanh(self.last_conv(x))


class CropPairs:
    def __init__(self, args):
        self.args = args

    def __iter__(self):
        side = self.args.patch_size * self.args.scale
        for _ in range(self.args.steps):
            hr = torch.rand(self.args.batch_size, 3, side, side) * 2 - 1
            lr = F.interpolate(hr, scale_factor=1 / self.args.scale, mode="bicubic")
            yield lr, hr


class Discriminator(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3, 2, 1),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(0))


def train(args):
    generator, discriminator = Generator(args.scale), Discriminator()
    g_optim = torch.optim.Adam(generator.parameters(), lr=1e-4)
    l2_loss, bce = nn.MSELoss(), nn.BCEWithLogitsLoss()
    for step, (lr, hr) in enumerate(CropPairs(args)):
        fake = generator(lr)
        adversarial = bce(discriminator(fake), torch.ones(len(fake)))
        content = l2_loss(fake, hr)
        g_optim.zero_grad()
        (content + 1e-3 * adversarial).backward()
        g_optim.step()
        print(f"step {step} content {content.item():.4f} adversarial {adversarial.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Args())
