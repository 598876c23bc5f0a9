import math

import torch
from torch import nn
import torch.nn.functional as F


class BandMask(nn.Module):
    def __init__(self, bins, dim=24):
        super().__init__()
        self.to_hidden = nn.Linear(2 * bins, dim)
        self.over_time = nn.GRU(dim, dim, batch_first=True)
        self.to_mask = nn.Linear(dim, 2 * bins)

    def forward(self, spec):
        frames = torch.view_as_real(spec).transpose(1, 2).flatten(2)
        hidden, _ = self.over_time(torch.tanh(self.to_hidden(frames)))
        mask = self.to_mask(hidden).unflatten(2, (-1, 2)).transpose(1, 2)
        return torch.view_as_complex(mask.contiguous())


class Separator(nn.Module):
    def __init__(self, n_fft=128, hop=32):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft))
        self.mask = BandMask(n_fft // 2 + 1)

    def forward(self, raw_audio, target=None):
        spec = torch.stft(raw_audio, self.n_fft, self.hop, window=self.window, return_complex=True)
        masked = spec * self.mask(spec)
        recon = torch.istft(masked, self.n_fft, self.hop, window=self.window, length=raw_audio.size(-1))
        if target is None:
            return recon
        return F.l1_loss(recon, target)


class SongStems:
    """Short excerpts of a few songs, left and right channel."""

    def __init__(self, songs=8, seconds=0.25, rate=8000):
        t = torch.arange(int(seconds * rate)) / rate
        self.items = []
        for n in range(songs):
            vocals = torch.sin(2 * math.pi * (220 + 15 * n) * t)
            drums = torch.randn(2, t.numel()) * 0.3
            pan = 0.2 + 0.1 * n
            voice = torch.stack([vocals * pan, vocals * (1 - pan)])
            self.items.append((voice + drums, voice))

    def batches(self, size):
        for at in range(0, len(self.items), size):
            mixes, voices = zip(*self.items[at:at + size])
            yield torch.stack(mixes), torch.stack(voices)


def train(model, stems, epochs=2):
    optim = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for mixture, vocals in stems.batches(4):
            loss = model(mixture, target=vocals)
            optim.zero_grad()
            loss.backward()
            optim.step()
        print("epoch", epoch, "loss", round(loss.item(), 4))


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Separator(), SongStems())
