import os
import random
import tempfile
import wave

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def write_wav(path, samples, rate=8000):
    with wave.open(path, "wb") as f:
        f.setparams((samples.shape[1], 2, rate, len(samples), "NONE", ""))
        f.writeframes((samples * 20000).astype("<i2").tobytes())


def load_audio(path):
    with wave.open(path, "rb") as f:
        data = np.frombuffer(f.readframes(f.getnframes()), "<i2").reshape(-1, f.getnchannels())
    return torch.from_numpy(data.astype(np.float32) / 32768).t()


class SourceFolderDataset(Dataset):
    def __init__(self, root, target_dir, interferer_dirs, nb_samples):
        self.source_folders = interferer_dirs + [target_dir]
        self.nb_samples = nb_samples
        self.tracks = {d: sorted(os.listdir(os.path.join(root, d))) for d in self.source_folders}
        self.root = root

    def __len__(self):
        return self.nb_samples

    def __getitem__(self, index):
        audio_sources = []
        for source in self.source_folders:
            path = os.path.join(self.root, source, random.choice(self.tracks[source]))
            audio = load_audio(path)
            audio_sources.append(audio * random.uniform(0.25, 1.25))
        stems = torch.stack(audio_sources)
        return stems.sum(0), stems[-1]


class OpenUnmix(nn.Module):
    def __init__(self, nb_channels=1, n_fft=128, hidden=16):
        super().__init__()
        self.mono, self.n_fft = nb_channels == 1, n_fft
        self.fc1 = nn.Linear(n_fft // 2 + 1, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.fc2 = nn.Linear(hidden, n_fft // 2 + 1)

    def spectrogram(self, x):
        spec = torch.stft(x.flatten(0, 1), self.n_fft, window=torch.hann_window(self.n_fft), return_complex=True)
        spec = spec.abs().unflatten(0, x.shape[:2])
        return spec.mean(1) if self.mono else spec.flatten(1, 2)

    def forward(self, mix):
        spec = self.spectrogram(mix).transpose(1, 2)
        hidden, _ = self.lstm(torch.tanh(self.fc1(spec)))
        return (torch.sigmoid(self.fc2(hidden)) * spec).transpose(1, 2)


torch.manual_seed(42), random.seed(42), np.random.seed(42)
with tempfile.TemporaryDirectory() as root:
    for folder, channels in (("noise", 2), ("speech", 1)):
        os.makedirs(os.path.join(root, folder))
        for i in range(3):
            write_wav(os.path.join(root, folder, f"{i}.wav"), np.random.uniform(-1, 1, (4000, channels)))
    loader = DataLoader(SourceFolderDataset(root, "speech", ["noise"], 12), batch_size=4)
    unmix = OpenUnmix(nb_channels=1)
    optimizer = torch.optim.Adam(unmix.parameters(), lr=1e-2)
    for x, y in loader:
        loss = nn.functional.mse_loss(unmix(x), unmix.spectrogram(y))
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        print("train loss", round(loss.item(), 4))
