import torch
import torch.nn as nn
import torch.nn.functional as F


def conv(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.GroupNorm(2, cout), nn.SiLU())


class Up(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = conv(cin, cout)

    def forward(self, x, skip):
        x = F.interpolate(x, scale_factor=2)
        return self.conv(torch.cat([x, skip], 1))


class Denoiser(nn.Module):
    def __init__(self, channels=1, widths=(8, 16, 24), tdim=12):
        super().__init__()
        self.down = nn.ModuleList([conv(a, b) for a, b in zip((channels,) + widths, widths)])
        self.temb = nn.Sequential(nn.Linear(tdim, 32), nn.SiLU(), nn.Linear(32, widths[-1]))
        self.register_buffer("freq", torch.exp(-torch.arange(tdim // 2) * 0.7))
        rev = widths[::-1]
        self.up = nn.ModuleList([Up(a, b) for a, b in zip(rev, rev[1:])])
        self.out = nn.Conv2d(widths[0], channels, 1)

    def forward(self, x, t):
        angle = t[:, None].float() * self.freq
        temb = self.temb(torch.cat([angle.sin(), angle.cos()], -1))
        skips = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else F.avg_pool2d(x, 2))
            skips.append(x)
        x = skips.pop() + temb[..., None, None]
        for block in self.up:
            x = block(x, skips.pop())
        return self.out(x)


@torch.no_grad()
def sample(net, n, steps=4):
    x = torch.randn(n, 1, 16, 16)
    for step in reversed(range(steps)):
        t = torch.full((n,), step)
        x = x - net(x, t) / steps
    return x


torch.manual_seed(0)
images = sample(Denoiser(), 3)
print(images.shape, images.std())
