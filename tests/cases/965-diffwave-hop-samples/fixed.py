import random
from math import pi, sqrt
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

params = SimpleNamespace(
    batch_size=3, sample_rate=8000, n_mels=20, n_fft=256, hop_samples=60, crop_mel_frames=12,
    residual_channels=8, dilations=(1, 2, 1), noise_schedule=torch.linspace(1e-4, 0.05, 20))


class SpectrogramUpsampler(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.ConvTranspose2d(1, 1, [3, 12], stride=[1, 6], padding=[1, 3])
        self.conv2 = nn.ConvTranspose2d(1, 1, [3, 20], stride=[1, 10], padding=[1, 5])

    def forward(self, x):
        return F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x.unsqueeze(1)), 0.4)), 0.4).squeeze(1)


class ResidualBlock(nn.Module):
    def __init__(self, n_mels, channels, dilation):
        super().__init__()
        self.dilated_conv = nn.Conv1d(channels, 2 * channels, 3, padding=dilation, dilation=dilation)
        self.conditioner_projection = nn.Conv1d(n_mels, 2 * channels, 1)
        self.output_projection = nn.Conv1d(channels, channels, 1)

    def forward(self, x, step, conditioner):
        y = self.dilated_conv(x + step) + self.conditioner_projection(conditioner)
        gate, filt = y.chunk(2, dim=1)
        return (x + self.output_projection(gate.sigmoid() * filt.tanh())) / sqrt(2.0)


class DiffWave(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.input_projection = nn.Conv1d(1, p.residual_channels, 1)
        self.step_embedding = nn.Embedding(len(p.noise_schedule), p.residual_channels)
        self.upsampler = SpectrogramUpsampler()
        self.layers = nn.ModuleList(ResidualBlock(p.n_mels, p.residual_channels, d) for d in p.dilations)
        self.output_projection = nn.Conv1d(p.residual_channels, 1, 1)

    def forward(self, audio, t, spectrogram):
        x = F.relu(self.input_projection(audio.unsqueeze(1)))
        step, cond = self.step_embedding(t).unsqueeze(-1), self.upsampler(spectrogram)
        for layer in self.layers:
            x = layer(x, step, cond)
        return self.output_projection(F.relu(x)).squeeze(1)


def load_clip(seed, p):
    rng = random.Random(seed)
    audio = torch.sin(2 * pi * rng.uniform(100, 900) * torch.arange(4000) / p.sample_rate)
    spec = torch.stft(audio, p.n_fft, p.hop_samples, window=torch.hann_window(p.n_fft), return_complex=True).abs()
    mel = F.adaptive_avg_pool1d(spec.t(), p.n_mels).t().clamp(min=1e-5).log()
    start = rng.randrange(mel.shape[1] - p.crop_mel_frames - 5)
    return audio[start * p.hop_samples:][:p.crop_mel_frames * p.hop_samples], mel[:, start:start + p.crop_mel_frames]


torch.manual_seed(0)
model = DiffWave(params)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
level = torch.cumprod(1 - params.noise_schedule, dim=0)
for step in range(4):
    audio, mel = map(torch.stack, zip(*(load_clip(10 * step + i, params) for i in range(params.batch_size))))
    t, noise = torch.randint(0, len(level), (params.batch_size,)), torch.randn_like(audio)
    noisy = level[t, None].sqrt() * audio + (1 - level[t, None]).sqrt() * noise
    loss = F.l1_loss(model(noisy, t, mel), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("step", step, "loss", round(loss.item(), 4))
