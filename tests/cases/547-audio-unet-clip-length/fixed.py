import math

import torch
import torch.nn as nn

DATA = dict(sample_rate=400, seconds=0.52, batch_size=4)
MODEL = dict(in_channels=2, channels=(8, 12, 16, 24, 32), time_features=16)


class Modulate(nn.Module):
    def __init__(self, channels, features):
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.to_scale = nn.Linear(features, channels)

    def forward(self, x, features):
        return self.norm(x) * (1 + self.to_scale(features).unsqueeze(-1))


class Merge(nn.Module):
    def __init__(self, channels, features):
        super().__init__()
        self.modulate = Modulate(channels, features)

    def forward(self, x, skip, features):
        return x + self.modulate(skip, features) * math.sqrt(0.5)


class UNet1d(nn.Module):
    def __init__(self, in_channels, channels, time_features):
        super().__init__()
        pairs = list(zip(channels, channels[1:]))
        self.time = nn.Sequential(nn.Linear(1, time_features), nn.SiLU())
        self.stem = nn.Conv1d(in_channels, channels[0], 1)
        self.downs = nn.ModuleList(nn.Conv1d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.ups = nn.ModuleList(nn.ConvTranspose1d(b, a, 4, stride=2, padding=1) for a, b in reversed(pairs))
        self.merges = nn.ModuleList(Merge(a, time_features) for a, _ in reversed(pairs))
        self.head = nn.Conv1d(channels[0], in_channels, 1)

    def forward(self, x, t):
        features = self.time(t.unsqueeze(-1))
        x, skips = self.stem(x), []
        for down in self.downs:
            skips.append(x)
            x = down(x).relu()
        for up, merge in zip(self.ups, self.merges):
            x = merge(up(x), skips.pop(), features)
        return self.head(x)


def v_diffusion_loss(net, wave):
    t = torch.rand(wave.size(0))
    alpha, sigma = (f(t * math.pi / 2).view(-1, 1, 1) for f in (torch.cos, torch.sin))
    noise = torch.randn_like(wave)
    return nn.functional.mse_loss(net(alpha * wave + sigma * noise, t), alpha * noise - sigma * wave)


def clips(steps, sample_rate, seconds, batch_size):
    length = int(sample_rate * seconds)
    print("samples per clip", length)
    time = torch.arange(length) / sample_rate
    for _ in range(steps):
        pitch = 20 + 60 * torch.rand(batch_size, MODEL["in_channels"], 1)
        yield torch.sin(2 * math.pi * pitch * time)


if __name__ == "__main__":
    torch.manual_seed(0)
    net = UNet1d(**MODEL)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    for step, wave in enumerate(clips(3, **DATA)):
        loss = v_diffusion_loss(net, wave)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")
