import math

import torch
import torch.nn as nn


class MFCC(nn.Module):
    """Cepstral coefficients of a waveform."""

    def __init__(self, n_mfcc=20, n_fft=128, hop=64):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        bins = n_fft // 2 + 1
        k, n = torch.arange(n_mfcc).unsqueeze(1), torch.arange(bins).unsqueeze(0)
        self.register_buffer("dct", torch.cos(math.pi / bins * (n + 0.5) * k) * math.sqrt(2 / bins))
        self.register_buffer("window", torch.hann_window(n_fft))

    def forward(self, wave):
        spec = torch.stft(wave, self.n_fft, self.hop, window=self.window, return_complex=True)
        mfcc = self.dct @ (spec.abs() + 1e-5).log()
        return (mfcc - mfcc.mean(-1, keepdim=True)) / (mfcc.std(-1, keepdim=True) + 1e-5)


class AudioEncoder(nn.Module):
    def __init__(self, n_mfcc=20, channels=32, dim=48):
        super().__init__()
        self.mfcc_transform = MFCC(n_mfcc)
        self.conv = nn.Sequential(
            nn.Conv1d(n_mfcc, channels, 3, padding=1), nn.BatchNorm1d(channels), nn.ReLU(),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.rnn = nn.GRU(channels, dim, batch_first=True)

    def forward(self, wave):
        features = self.mfcc_transform(wave)
        hidden = self.conv(features)
        return self.rnn(hidden.transpose(1, 2))[1][-1]


class CommandClassifier(nn.Module):
    def __init__(self, commands):
        super().__init__()
        self.encoder = AudioEncoder()
        self.head = nn.Linear(48, commands)

    def forward(self, wave):
        return self.head(self.encoder(wave))


def synth(count, commands, rate=4000):
    """A rising tone per command, three quarters of a second long."""
    label = torch.arange(count) % commands
    t = torch.arange(rate * 3 // 4) / rate
    pitch = 200.0 * (1 + label).unsqueeze(1)
    wave = torch.sin(2 * math.pi * pitch * t * (1 + 0.2 * t)) + 0.1 * torch.randn(count, len(t))
    return wave, label


if __name__ == "__main__":
    torch.manual_seed(5)
    model = CommandClassifier(commands=4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(4):
        waves, labels = synth(16, commands=4)
        loss = nn.functional.cross_entropy(model(waves), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.3f}")
