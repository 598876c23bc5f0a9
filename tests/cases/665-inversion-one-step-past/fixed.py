"""Deterministic inversion of an image into noise, and sampling back from it."""
import argparse

import torch
import torch.nn as nn


class NoiseNet(nn.Module):
    def __init__(self, train_steps, width=16):
        super().__init__()
        self.time = nn.Embedding(train_steps, width)
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.leave = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x, t):
        h = self.enter(x) + self.time(torch.tensor([t]))[:, :, None, None]
        return self.leave(torch.tanh(h))


class Scheduler:
    def __init__(self, train_steps, beta_start=1e-4, beta_end=2e-2):
        betas = torch.linspace(beta_start ** 0.5, beta_end ** 0.5, train_steps) ** 2
        self.train_steps = train_steps
        self.alphas_bar = torch.cumprod(1 - betas, dim=0)

    def set_steps(self, count):
        stride = self.train_steps // count
        starts = range(0, self.train_steps, stride)
        self.moves = [(t, min(t + stride, self.train_steps - 1)) for t in starts]

    def level(self, t):
        return self.alphas_bar[t]

    def move(self, x, noise, source, target):
        a, b = self.level(source), self.level(target)
        clean = (x - (1 - a).sqrt() * noise) / a.sqrt()
        return b.sqrt() * clean + (1 - b).sqrt() * noise


@torch.no_grad()
def invert(net, scheduler, image):
    x = image
    for low, high in scheduler.moves:
        x = scheduler.move(x, net(x, low), low, high)
        print(f"t {low:3d} std {x.std().item():.3f}")
    return x


@torch.no_grad()
def sample(net, scheduler, x):
    for low, high in reversed(scheduler.moves):
        x = scheduler.move(x, net(x, high), high, low)
    return x


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--train-steps", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args([])
    torch.manual_seed(args.seed)
    net, scheduler = NoiseNet(args.train_steps), Scheduler(args.train_steps)
    scheduler.set_steps(args.steps)
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    latent = invert(net, scheduler, image)
    restored = sample(net, scheduler, latent)
    print("latent", tuple(latent.shape), "restored", tuple(restored.shape))


if __name__ == "__main__":
    main()
