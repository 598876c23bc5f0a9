import math
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def synth(rate, seconds, pitch):
    t = torch.arange(int(rate * seconds)) / rate
    return torch.sin(2 * math.pi * pitch * t).unsqueeze(0)


LIBRARY = [
    {"path": "drums_01.wav", "sample_rate": 32000, "wav": synth(32000, 0.30, 220)},
    {"path": "drums_02.wav", "sample_rate": 32000, "wav": synth(32000, 0.25, 440)},
    {"path": "bass_01.wav", "sample_rate": 32000, "wav": synth(32000, 0.40, 110)},
    {"path": "loop_17.wav", "sample_rate": 24000, "wav": synth(24000, 0.30, 330)},
    {"path": "bass_02.wav", "sample_rate": 32000, "wav": synth(32000, 0.22, 90)},
    {"path": "keys_01.wav", "sample_rate": 32000, "wav": synth(32000, 0.35, 660)},
]


def audio_read(meta, seek_time, duration):
    rate = meta["sample_rate"]
    start, frames = int(seek_time * rate), int(duration * rate)
    return meta["wav"][:, start:start + frames], rate


class AudioDataset(Dataset):
    def __init__(self, clips, segment_duration, sample_rate, seed=0):
        self.clips = clips
        self.segment_duration = segment_duration
        self.sample_rate = sample_rate
        self.rng = random.Random(seed)

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index):
        meta = self.clips[index]
        total = meta["wav"].size(1) / meta["sample_rate"]
        seek = self.rng.uniform(0, total - self.segment_duration)
        wav, rate = audio_read(meta, seek, self.segment_duration)
        return wav, {"path": meta["path"], "seek_time": seek}


class Codec(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(1, dim, 8, stride=4, padding=2), nn.ELU(), nn.Conv1d(dim, dim, 8, 4, 2))
        self.decoder = nn.Sequential(nn.ConvTranspose1d(dim, dim, 8, 4, 2), nn.ELU(), nn.ConvTranspose1d(dim, 1, 8, 4, 2))

    def forward(self, x):
        return self.decoder(self.encoder(x))


if __name__ == "__main__":
    torch.manual_seed(1)
    dataset = AudioDataset(LIBRARY, segment_duration=0.2, sample_rate=32000)
    loader = DataLoader(dataset, batch_size=2)
    codec = Codec()
    opt = torch.optim.Adam(codec.parameters(), lr=3e-3)
    for wav, info in loader:
        loss = (codec(wav) - wav).abs().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(info["path"], "l1", round(loss.item(), 4))
