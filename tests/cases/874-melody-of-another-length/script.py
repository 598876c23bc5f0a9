import math

import torch
import torch.nn as nn

RATE, HOP, N_FFT, N_MELS = 8000, 80, 256, 20


def spectrum(wave):
    window = torch.hann_window(N_FFT)
    return torch.stft(wave, N_FFT, HOP, window=window, center=True, return_complex=True).abs()


def mel_of(wave):
    bank = torch.linspace(0, N_FFT // 2, N_MELS + 2)
    freqs = torch.arange(N_FFT // 2 + 1)[None, :]
    low, mid, high = bank[:-2, None], bank[1:-1, None], bank[2:, None]
    weights = torch.minimum((freqs - low) / (mid - low), (high - freqs) / (high - mid)).clamp(min=0)
    return torch.log(weights @ spectrum(wave) + 1e-5)


def f0_of(wave):
    """Strongest bin below 1 kHz in every frame, in Hz."""
    return spectrum(wave)[2:33].argmax(0).add(2) * RATE / N_FFT


class PitchRenderer(nn.Module):
    def __init__(self, width=32, f0_bins=64):
        super().__init__()
        self.f0_bins = f0_bins
        self.f0_embed = nn.Embedding(f0_bins, 12)
        self.body = nn.Sequential(nn.Conv1d(N_MELS + 12, width, 5, padding=2), nn.GELU(),
                                  nn.Conv1d(width, width, 5, padding=2), nn.GELU(), nn.Conv1d(width, N_MELS, 1))

    def quantize(self, f0):
        scale = torch.log2(f0.clamp(min=32.0) / 32.0) / 6
        return (scale * self.f0_bins).long().clamp(max=self.f0_bins - 1)

    def forward(self, mel, f0):
        pitch = self.f0_embed(self.quantize(f0)).transpose(1, 2)
        x = torch.cat([mel, pitch], dim=1)
        return mel + self.body(x)


def sing(seconds, notes):
    t = torch.arange(int(seconds * RATE)) / RATE
    which = (t * len(notes) / seconds).long().clamp(max=len(notes) - 1)
    pitch = torch.tensor(notes)[which]
    phase = torch.cumsum(2 * math.pi * pitch / RATE, 0)
    return 0.6 * torch.sin(phase) + 0.2 * torch.sin(2 * phase)


@torch.no_grad()
def template_pitcher(model, source, reference, shift_semi=0):
    mel = mel_of(source)
    f0 = f0_of(reference)
    f0 = f0 * 2 ** (shift_semi / 12)
    return model(mel[None], f0[None])[0]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = PitchRenderer().eval()
    amateur = sing(2.0, [220.0, 250.0, 300.0, 260.0])
    itself = template_pitcher(model, amateur, amateur, shift_semi=2)
    print("own melody  ", tuple(itself.shape), "%.3f" % itself.mean().item())
    teacher = sing(1.6, [220.0, 246.9, 293.7, 261.6])
    tuned = template_pitcher(model, amateur, teacher)
    print("teacher's   ", tuple(tuned.shape), "%.3f" % tuned.mean().item())
