"""Forward process of a diffusion model and one round of training of the denoiser."""

import torch
from torch import nn


class Schedule:
    def __init__(self, steps=50):
        beta = torch.linspace(1e-3, 0.2, steps)
        alpha_bar = torch.cumprod(1 - beta, dim=0)
        self.steps = steps
        self.keep = alpha_bar.sqrt()
        self.spread = (1 - alpha_bar).sqrt()

    def add_noise(self, x0, t, noise):
        keep, spread = self.keep[t], self.spread[t]
        return keep * x0 + spread * noise


class Denoiser(nn.Module):
    def __init__(self, steps, width=16):
        super().__init__()
        self.time = nn.Embedding(steps, width)
        self.inp = nn.Conv2d(1, width, 3, padding=1)
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x, t):
        h = self.inp(x) + self.time(t)[:, :, None, None]
        return self.out(torch.relu(h))


def pictures(n, side, seed):
    gen = torch.Generator().manual_seed(seed)
    return torch.ones(n, 1, side, side) * (2 * torch.rand(n, 1, 1, 1, generator=gen) - 1)


def main():
    torch.manual_seed(0)
    schedule = Schedule()
    net = Denoiser(schedule.steps)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    data = pictures(64, side=16, seed=3)
    for epoch in range(4):
        for x0 in data.split(16):
            t = torch.randint(0, schedule.steps, (len(x0),))
            noise = torch.randn_like(x0)
            loss = (net(schedule.add_noise(x0, t, noise), t) - noise).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
    t = torch.linspace(0, schedule.steps - 1, 16).long()
    noisy = schedule.add_noise(torch.zeros(16, 1, 16, 16), t, torch.randn(16, 1, 16, 16))
    print("noise level by step", [round(v, 2) for v in noisy.std(dim=(1, 2, 3))[::5].tolist()])


if __name__ == "__main__":
    main()
