import torch
import torch.nn as nn
import torch.nn.functional as F

N_FFT, HOP, RATE = 64, 16, 8000


def power_compress(spec):
    real, imag = spec[..., 0], spec[..., 1]
    mag = (real ** 2 + imag ** 2 + 1e-8).sqrt() ** 0.3
    phase = torch.atan2(imag, real)
    return torch.stack([mag * phase.cos(), mag * phase.sin()], dim=1)


def power_uncompress(pair):
    mag = (pair.square().sum(dim=1) + 1e-8).sqrt() ** (1 / 0.3)
    return torch.polar(mag, torch.atan2(pair[:, 1], pair[:, 0]))


class Generator(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1), nn.InstanceNorm2d(channels, affine=True), nn.PReLU(channels),
            nn.Conv2d(channels, 2, 3, padding=1),
        )

    def forward(self, spec):
        mag = spec.square().sum(dim=1, keepdim=True).add(1e-8).sqrt()
        return spec + self.net(torch.cat([mag, spec], dim=1))


class Enhancer:
    def __init__(self, lr=1e-3):
        self.model = Generator()
        self.window = torch.hamming_window(N_FFT)
        self.optim = torch.optim.AdamW(self.model.parameters(), lr=lr)

    def features(self, wave):
        spec = torch.view_as_real(torch.stft(wave, N_FFT, HOP, window=self.window, return_complex=True))
        return power_compress(spec).permute(0, 1, 3, 2)

    def step(self, clean, noisy):
        target, source = self.features(clean), self.features(noisy)
        loss = F.mse_loss(self.model(source), target)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()

    @torch.no_grad()
    def enhance(self, wave):
        scale = (wave.size(-1) / wave.square().sum(dim=-1, keepdim=True)).sqrt()
        guess = self.model(self.features(wave * scale))
        spec = power_uncompress(guess.permute(0, 1, 3, 2))
        return torch.istft(spec, N_FFT, HOP, window=self.window, length=wave.size(-1)) / scale


def voices(n, samples=800):
    t = torch.arange(samples) / RATE
    pitch = torch.empty(n, 1).uniform_(90, 220)
    return torch.sin(2 * torch.pi * pitch * t) + 0.3 * torch.sin(4 * torch.pi * pitch * t)


def read_track(seconds):
    channels = voices(2, int(seconds * RATE))
    return channels.mean(dim=0, keepdim=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    enhancer = Enhancer()
    for it in range(3):
        clean = voices(4)
        print("step", it, "loss", round(enhancer.step(clean, clean + 0.2 * torch.randn_like(clean)), 4))
    for seconds in (0.1, 0.25):
        track = read_track(seconds)
        out = enhancer.enhance(track + 0.2 * torch.randn_like(track))
        print("track of", seconds, "s, samples out", out.size(-1))
