import math
import os
import struct
import tempfile
import wave
from pathlib import Path

import torch
from torch import nn

RATE = 8000


def write_wav(path, channels, freqs, seconds=0.1):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(RATE)
        for n in range(int(RATE * seconds)):
            frame = [int(9000 * math.sin(2 * math.pi * freqs[c] * n / RATE)) for c in range(channels)]
            out.writeframes(struct.pack(f"<{channels}h", *frame))


def read_wav(path):
    with wave.open(str(path), "rb") as source:
        channels = source.getnchannels()
        data = source.readframes(source.getnframes())
    samples = torch.frombuffer(bytearray(data), dtype=torch.int16).float() / 2 ** 15
    return samples.view(-1, channels).t()


class Separator(nn.Module):
    def __init__(self, sources, audio_channels=2, width=8, depth=2):
        super().__init__()
        self.sources, self.audio_channels = sources, audio_channels
        encoder, decoder, c_in = [], [], audio_channels
        c_out = len(sources) * audio_channels
        for level in range(depth):
            encoder += [nn.Conv1d(c_in, width * 2 ** level, 8, stride=4), nn.ReLU()]
            decoder = [nn.ConvTranspose1d(width * 2 ** level, c_out, 8, stride=4)] + ([nn.ReLU()] if level else []) + decoder
            c_in = c_out = width * 2 ** level
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)

    def forward(self, mix):
        x = self.decoder(self.encoder(mix))
        return x.view(x.size(0), len(self.sources), self.audio_channels, x.size(-1))


@torch.no_grad()
def separate(model, track):
    mix = read_wav(track)
    ref = mix.mean(0)
    mix = (mix - ref.mean()) / (ref.std() + 1e-8)
    stems = model(mix.unsqueeze(0))[0]
    return {name: stem * ref.std() + ref.mean() for name, stem in zip(model.sources, stems)}


def main(folder):
    write_wav(folder / "band.wav", 2, (220, 330))
    write_wav(folder / "phone_memo.wav", 1, (180,))
    torch.manual_seed(0)
    model = Separator(["drums", "bass", "vocals"]).eval()
    for name in sorted(os.listdir(folder)):
        stems = separate(model, folder / name)
        print(name, {k: round(v.abs().mean().item(), 4) for k, v in stems.items()})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as tmp:
        main(Path(tmp))
