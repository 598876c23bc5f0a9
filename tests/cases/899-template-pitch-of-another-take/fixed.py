import math

import torch
import torch.nn.functional as F
from torch import nn

SR, HOP, N_FFT, N_MELS = 2000, 40, 160, 20


def sing(notes, seconds):
    pitch = torch.tensor(notes, dtype=torch.float).repeat_interleave(int(seconds * SR / len(notes)))
    return torch.sin(torch.cumsum(2 * math.pi * pitch / SR, 0))


def get_mel(wav):
    spec = torch.stft(wav, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True).abs()
    return torch.log(spec[: N_MELS * 4].view(N_MELS, 4, -1).mean(1) + 1e-3)


def get_f0(wav):
    frames = F.pad(wav, (N_FFT // 2, N_FFT // 2)).unfold(0, N_FFT, HOP)
    spectrum = torch.fft.rfft(frames * torch.hann_window(N_FFT), n=4 * N_FFT).abs()
    return spectrum.argmax(-1) * SR / (4 * N_FFT)


class PitchUNet(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.embed_f0 = nn.Embedding(64, dim)
        self.time = nn.Linear(1, dim)
        self.inp = nn.Conv1d(2 * N_MELS + dim, dim, 3, padding=1)
        self.mid = nn.Conv1d(dim, dim, 3, padding=1)
        self.out = nn.Conv1d(dim, N_MELS, 1)

    def forward(self, x, mean, f0, t):
        f0 = self.embed_f0((f0.clamp(min=1).log2() * 6).long().clamp(0, 63)).transpose(1, 2)
        h = torch.cat([x, mean, f0], dim=1)
        h = F.silu(self.inp(h)) + self.time(t.view(-1, 1)).unsqueeze(-1)
        return self.out(h + F.silu(self.mid(h)))


@torch.no_grad()
def sample(model, mel, f0, steps=4):
    x = torch.randn_like(mel)
    for t in torch.linspace(1, 0, steps):
        x = x - model(x, mel, f0, t) / steps
    return x


def template_pitcher(model, source, pitch_ref, shift_semi=0):
    source_mel = get_mel(source)
    f0_ref = get_f0(pitch_ref)
    f0_ref = f0_ref * 2 ** (shift_semi / 12)
    f0_ref = F.interpolate(f0_ref.view(1, 1, -1), size=source_mel.shape[-1], mode="nearest").view(-1)
    mel = source_mel.unsqueeze(0)
    return sample(model, mel, f0_ref.unsqueeze(0))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = PitchUNet().eval()
    take = sing([220, 247, 262, 294], seconds=1.2)
    print("own pitch, two semitones up:", tuple(template_pitcher(model, take, take, shift_semi=2).shape))
    guide = sing([220, 262, 294, 330], seconds=0.9)
    print("pitch of the guide track:", tuple(template_pitcher(model, take, guide).shape))
