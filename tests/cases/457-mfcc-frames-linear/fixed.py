import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class AudioConfig:
    sample_rate: int = 4000
    seconds: float = 2.5
    n_fft: int = 256
    hop: int = 64
    n_mfcc: int = 20
    emotions: int = 8


class MFCC:
    def __init__(self, cfg):
        self.cfg, self.window = cfg, torch.hann_window(cfg.n_fft)
        bins = cfg.n_fft // 2 + 1
        k = torch.arange(cfg.n_mfcc).float()[:, None]
        self.dct = torch.cos(math.pi / bins * (torch.arange(bins) + 0.5) * k)

    def __call__(self, wave):
        spec = torch.stft(wave, self.cfg.n_fft, self.cfg.hop, window=self.window, return_complex=True)
        return self.dct @ spec.abs().clamp(min=1e-6).log()


def conv_block(c_in, c_out, pool):
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(pool))


class ParallelNet(nn.Module):
    def __init__(self, emotions, n_mfcc=20):
        super().__init__()
        self.conv2d = nn.Sequential(conv_block(1, 8, 2), conv_block(8, 16, 4), conv_block(16, 16, (2, 4)))
        self.pool = nn.MaxPool1d(4)
        layer = nn.TransformerEncoderLayer(n_mfcc, 4, dim_feedforward=32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.fc1_linear = nn.Linear(112 + n_mfcc, emotions)

    def forward(self, x):
        conv_embedding = torch.flatten(self.conv2d(x), start_dim=1)
        frames = self.pool(x.squeeze(1)).transpose(1, 2)
        transformer_embedding = self.encoder(frames).mean(dim=1)
        complete_embedding = torch.cat([conv_embedding, transformer_embedding], dim=1)
        return self.fc1_linear(complete_embedding)


def recordings(cfg, n):
    g = torch.Generator().manual_seed(7)
    samples = int(cfg.sample_rate * cfg.seconds)
    return torch.randn(n, samples, generator=g), torch.randint(0, cfg.emotions, (n,), generator=g)


def main(cfg=AudioConfig(seconds=4.0)):
    torch.manual_seed(0)
    mfcc, model = MFCC(cfg), ParallelNet(cfg.emotions, cfg.n_mfcc)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.8)
    waves, labels = recordings(cfg, 12)
    features = torch.stack([mfcc(w) for w in waves])
    features = (features - features.mean()) / features.std()
    print("features", tuple(features.shape))
    for start in range(0, len(waves), 4):
        logits = model(features[start:start + 4].unsqueeze(1))
        loss = F.cross_entropy(logits, labels[start:start + 4])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
