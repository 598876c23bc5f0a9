import math

import torch
from torch import nn


class Sampler:
    """Continuous-time cosine schedule and the conversions between prediction targets."""

    def __init__(self, shift=1.0):
        self.shift = shift

    def alpha_sigma(self, t):
        angle = t * math.pi / 2
        return torch.cos(angle), torch.sin(angle) * self.shift

    def derivatives(self, t):
        angle = t * math.pi / 2
        return -torch.sin(angle) * math.pi / 2, torch.cos(angle) * math.pi / 2 * self.shift

    def add_noise(self, x_0, eps, t):
        alpha, sigma = self.alpha_sigma(t)
        shape = (-1,) + (1,) * (x_0.dim() - 1)
        return alpha.view(shape) * x_0 + sigma.view(shape) * eps

    def x0_to_velocity(self, x_0, eps, t):
        d_alpha, d_sigma = self.derivatives(t)
        shape = (-1,) + (1,) * (x_0.dim() - 1)
        return d_alpha.view(shape) * x_0 + d_sigma.view(shape) * eps


class TinyVideoNet(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.t_proj = nn.Linear(1, 8)
        self.inp = nn.Conv3d(channels, 8, 3, padding=1)
        self.out = nn.Conv3d(8, channels, 3, padding=1)

    def forward(self, x, t):
        emb = self.t_proj(t[:, None])[:, :, None, None, None]
        return self.out(torch.nn.functional.silu(self.inp(x) + emb))


class Trainer:
    def __init__(self, net, sampler, lr=1e-3):
        self.net, self.sampler = net, sampler
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=lr)

    def loss(self, latents):
        t = torch.rand(latents.size(0))
        eps = torch.randn_like(latents)
        x_t = self.sampler.add_noise(latents, eps, t)
        target = self.sampler.x0_to_velocity(latents, eps, t)
        return (self.net(x_t, t) - target).pow(2).mean()

    def run(self, batches, name):
        for latents in batches:
            loss = self.loss(latents)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        print(f"{name}: last loss {loss.item():.4f}")


def latent_batches(count, batch_size, seed):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(batch_size, 4, 3, 6, 10, generator=g) for _ in range(count)]


if __name__ == "__main__":
    torch.manual_seed(0)
    trainer = Trainer(TinyVideoNet(4), Sampler())
    trainer.run(latent_batches(3, 1, seed=1), "warm-up")
    trainer.run(latent_batches(3, 2, seed=2), "main stage")
