import math

import torch
from torch import nn

AUDIO = dict(n_fft=256, hop_length=64, win_length=256, sampling_rate=8000, n_mels=32)


def mel_filters(sampling_rate, n_fft, n_mels):
    def to_mel(f):
        return 2595.0 * math.log10(1.0 + f / 700.0)

    points = torch.linspace(0.0, to_mel(sampling_rate / 2), n_mels + 2)
    hertz = 700.0 * (10.0 ** (points / 2595.0) - 1.0)
    bins = torch.linspace(0.0, sampling_rate / 2, n_fft // 2 + 1)
    lower = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    upper = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    return torch.minimum(lower, upper).clamp(min=0.0)


class Audio2Mel(nn.Module):
    def __init__(self, n_fft, hop_length, win_length, sampling_rate, n_mels):
        super().__init__()
        self.n_fft, self.hop_length, self.win_length = n_fft, hop_length, win_length
        self.register_buffer("window", torch.hann_window(win_length))
        self.register_buffer("mel_basis", mel_filters(sampling_rate, n_fft, n_mels))

    def forward(self, audio):
        fft = torch.stft(
            audio, n_fft=self.n_fft, hop_length=self.hop_length, win_length=self.win_length, window=self.window,
            return_complex=True,
        )
        power = torch.sum(torch.pow(fft.abs(), 2), dim=-1)
        mel = torch.matmul(self.mel_basis, power)
        return torch.log10(torch.clamp(mel, min=1e-5))


class Codec(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.encoder = nn.Conv1d(1, width, 8, stride=4, padding=2)
        self.decoder = nn.ConvTranspose1d(width, 1, 8, stride=4, padding=2)

    def forward(self, wave):
        return self.decoder(torch.tanh(self.encoder(wave.unsqueeze(1)))).squeeze(1)


def waves(n, batch_size, length=2048):
    time = torch.arange(length) / AUDIO["sampling_rate"]
    for i in range(n):
        pitch = torch.linspace(110.0, 440.0, batch_size).unsqueeze(1) * (1 + 0.1 * i)
        yield torch.sin(2 * math.pi * pitch * time)


torch.manual_seed(0)
codec, to_mel = Codec(), Audio2Mel(**AUDIO)
opt = torch.optim.Adam(codec.parameters(), lr=2e-3)
for step, wave in enumerate(waves(3, batch_size=5)):
    out = codec(wave)
    loss = (out - wave).abs().mean() + (to_mel(out) - to_mel(wave)).abs().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("step", step, "loss %.4f" % loss.item())
