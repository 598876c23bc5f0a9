"""Mel spectrograms of a folder of recordings, computed in the loader's workers, for a text-to-speech model."""
import math
import pathlib
import tempfile
import wave

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

RATE, MAX_WAV = 8000, 32768.0


def record(path, pitch, seconds, channels=1):
    t = np.arange(int(RATE * seconds)) / RATE
    tone = (0.4 * np.sin(2 * math.pi * pitch * t) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.repeat(tone[:, None], channels, axis=1).tobytes())


def read_wav(path):
    """(rate, samples) with samples as stored in the file."""
    with wave.open(str(path), "rb") as source:
        rate, channels = source.getframerate(), source.getnchannels()
        data = np.frombuffer(source.readframes(source.getnframes()), dtype="<i2")
    return rate, data.reshape(-1, channels) if channels > 1 else data


class STFT(nn.Module):
    def __init__(self, filter_length=128, hop_length=64):
        super().__init__()
        self.filter_length, self.hop_length = filter_length, hop_length
        window = torch.hann_window(filter_length)
        basis = torch.fft.fft(torch.eye(filter_length))[: filter_length // 2 + 1]
        self.register_buffer("basis", (torch.cat([basis.real, basis.imag]) * window).unsqueeze(1))

    def magnitude(self, audio):
        num_batches, num_samples = audio.size(0), audio.size(1)
        audio = audio.view(num_batches, 1, num_samples)
        audio = F.pad(audio, (self.filter_length // 2, self.filter_length // 2), mode="reflect")
        real, imaginary = F.conv1d(audio, self.basis, stride=self.hop_length).chunk(2, dim=1)
        return torch.sqrt(real ** 2 + imaginary ** 2)


class TextMelLoader(Dataset):
    def __init__(self, folder, n_mels=20):
        self.lines = [line.split("|") for line in (folder / "train.txt").read_text().splitlines()]
        self.folder, self.stft = folder, STFT()
        bands = torch.linspace(0, n_mels - 1e-3, self.stft.filter_length // 2 + 1).long()
        self.mel_basis = F.one_hot(bands, n_mels).float().t()

    def __len__(self):
        return len(self.lines)

    def get_mel(self, name):
        rate, data = read_wav(self.folder / name)
        if rate != RATE:
            raise ValueError(f"{rate} does not match the target rate {RATE}")
        audio = torch.from_numpy(data.astype(np.float32)) / MAX_WAV
        magnitude = self.stft.magnitude(audio.unsqueeze(0)).squeeze(0)
        return torch.log((self.mel_basis @ magnitude).clamp(min=1e-5))

    def __getitem__(self, index):
        name, text = self.lines[index]
        return torch.tensor([ord(c) for c in text]), self.get_mel(name)


def collate(items):
    texts, mels = zip(*items)
    lengths = torch.tensor([m.size(1) for m in mels])
    padded = nn.utils.rnn.pad_sequence([m.t() for m in mels], batch_first=True)
    return nn.utils.rnn.pad_sequence(texts, batch_first=True), padded.transpose(1, 2), lengths


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        takes = [("a", 220, 0.5, 1), ("b", 330, 0.7, 1), ("c", 262, 0.4, 1), ("d", 294, 0.6, 1), ("e", 440, 0.5, 2), ("f", 247, 0.3, 1)]
        for stem, pitch, seconds, channels in takes:
            record(folder / f"{stem}.wav", pitch, seconds, channels)
        (folder / "train.txt").write_text("\n".join(f"{t[0]}.wav|note {t[0]}" for t in takes))
        loader = DataLoader(TextMelLoader(folder), batch_size=2, num_workers=1, collate_fn=collate)
        for texts, mels, lengths in loader:
            print("text", tuple(texts.shape), "mel", tuple(mels.shape), "frames", lengths.tolist())


if __name__ == "__main__":
    main()
