"""Log-frequency features: every octave is taken from a signal at half the rate of the one above."""
import math

import torch
import torch.nn.functional as F
from torch import nn


class OctaveTransform(nn.Module):
    def __init__(self, sr, hop_length, n_octaves, bins_per_octave, kernel_size=64):
        super().__init__()
        self.hop_length, self.n_octaves, self.kernel_size = hop_length, n_octaves, kernel_size
        freqs = sr / 4 * 2 ** (torch.arange(bins_per_octave) / bins_per_octave)
        phase = 2 * math.pi * freqs[:, None] * torch.arange(kernel_size) / sr
        window = torch.hann_window(kernel_size)
        self.register_buffer("kernels", torch.cat([phase.cos() * window, phase.sin() * window])[:, None])
        lowpass = torch.sinc((torch.arange(31) - 15) / 2) * torch.hann_window(31)
        self.register_buffer("lowpass", (lowpass / lowpass.sum())[None, None])

    def downsample(self, x):
        return F.conv1d(x, self.lowpass, stride=2, padding=15)

    def octave(self, x, hop):
        x = F.pad(x, (self.kernel_size // 2, self.kernel_size // 2))
        real, imag = F.conv1d(x, self.kernels, stride=hop).chunk(2, dim=1)
        return (real.square() + imag.square()).sqrt()

    def forward(self, x):
        hop = self.hop_length
        parts = [self.octave(x, hop)]
        for _ in range(self.n_octaves - 1):
            hop = hop // 2
            x = self.downsample(x)
            parts.insert(0, self.octave(x, hop))
        return torch.cat(parts, dim=1)


class PitchNet(nn.Module):
    def __init__(self, frontend, bins, pitches):
        super().__init__()
        self.frontend = frontend
        self.body = nn.Sequential(nn.Conv1d(bins, 32, 3, padding=1), nn.ReLU(), nn.Conv1d(32, pitches, 1))

    def forward(self, audio):
        return self.body(torch.log1p(self.frontend(audio)))


def melody(sr, seconds=1.0):
    t = torch.arange(int(sr * seconds)) / sr
    notes = [220.0, 277.2, 329.6, 440.0]
    pieces = [torch.sin(2 * math.pi * f * chunk) for f, chunk in zip(notes, t.chunk(len(notes)))]
    return torch.cat(pieces)[None, None]


def main(sr=8000, frames_per_second=100, n_octaves=6, bins_per_octave=12):
    torch.manual_seed(0)
    frontend = OctaveTransform(sr, sr // frames_per_second, n_octaves, bins_per_octave)
    model = PitchNet(frontend, n_octaves * bins_per_octave, pitches=20)
    with torch.no_grad():
        logits = model(melody(sr).repeat(2, 1, 1))
    print("frames", logits.size(-1), "pitches seen", logits.argmax(1).unique().numel())


if __name__ == "__main__":
    main()
