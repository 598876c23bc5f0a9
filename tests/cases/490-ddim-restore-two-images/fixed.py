"""Image-to-image diffusion: restore a degraded picture with a few DDIM steps."""
import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self, channels=3, width=16):
        super().__init__()
        self.embed = nn.Linear(1, width)
        self.inp = nn.Conv2d(channels * 2, width, 3, padding=1)
        self.out = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, y_t, cond, gamma):
        h = self.inp(torch.cat([cond, y_t], dim=1)) + self.embed(gamma)[:, :, None, None]
        return self.out(torch.relu(h))


class DiffusionGenerator(nn.Module):
    def __init__(self, denoiser, steps=50):
        super().__init__()
        self.denoiser = denoiser
        self.steps = steps
        self.register_buffer("gammas", (1 - torch.linspace(1e-4, 0.08, steps)).cumprod(0))

    def level(self, t):
        return self.gammas.gather(0, t).view(-1, 1)

    def loss(self, y_0, cond):
        t = torch.randint(0, self.steps, (y_0.size(0),))
        gamma = self.level(t)
        noise = torch.randn_like(y_0)
        spread = gamma[:, :, None, None]
        y_t = spread.sqrt() * y_0 + (1 - spread).sqrt() * noise
        return (self.denoiser(y_t, cond, gamma) - noise).pow(2).mean()

    def ddim_step(self, y_t, cond, t, t_prev):
        gamma_t, gamma_prev = self.level(t), self.level(t_prev)
        noise = self.denoiser(y_t, cond, gamma_t)
        gamma_t, gamma_prev = gamma_t[:, :, None, None], gamma_prev[:, :, None, None]
        y_0 = (y_t - (1 - gamma_t).sqrt() * noise) / gamma_t.sqrt()
        y_0 = y_0.clamp(-1, 1)
        return gamma_prev.sqrt() * y_0 + (1 - gamma_prev).sqrt() * noise

    @torch.no_grad()
    def restoration_ddim(self, cond, num_steps=5):
        y_t = torch.randn_like(cond)
        schedule = torch.linspace(self.steps - 1, 0, num_steps).long().tolist()
        for now, prev in zip(schedule[:-1], schedule[1:]):
            t = torch.full((cond.size(0),), now)
            y_t = self.ddim_step(y_t, cond, t, torch.full_like(t, prev))
        return y_t


def batches(pictures, size):
    for start in range(0, len(pictures), size):
        yield pictures[start:start + size]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = DiffusionGenerator(Denoiser())
    clean = torch.rand(6, 3, 16, 16) * 2 - 1
    degraded = clean + 0.1 * torch.randn_like(clean)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(3):
        loss = model.loss(clean, degraded)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"train loss {loss.item():.3f}")
    restored = torch.cat([model.restoration_ddim(batch) for batch in batches(degraded, 2)])
    print("restored", len(restored), "mean abs", round(restored.abs().mean().item(), 3))
