"""Spoken command classifier: framed spectra, a padding mask per frame, a small transformer encoder."""
import math

import torch
import torch.nn.functional as F
from torch import nn

CONFIG = {"sampling_rate": 1600, "hop_length": 16, "n_mels": 20, "dim": 32, "commands": 4}


class FeatureExtractor:
    def __init__(self, hop_length, n_mels):
        self.hop_length = hop_length
        self.filters = torch.rand(hop_length // 2 + 1, n_mels, generator=torch.Generator().manual_seed(1))

    def spectrum(self, waves):
        frames = waves.unfold(1, self.hop_length, self.hop_length)
        power = torch.fft.rfft(frames * torch.hann_window(self.hop_length)).abs() ** 2
        return torch.log(power @ self.filters + 1e-5)

    def __call__(self, waves):
        longest = max(len(w) for w in waves)
        padded = torch.stack([F.pad(w, (0, longest - len(w))) for w in waves])
        lengths = torch.tensor([len(w) for w in waves])
        attention_mask = (torch.arange(longest) < lengths[:, None]).long()
        attention_mask = attention_mask[:, ::self.hop_length]
        return {"input_features": self.spectrum(padded), "attention_mask": attention_mask}


class CommandNet(nn.Module):
    def __init__(self, n_mels, dim, commands):
        super().__init__()
        self.proj = nn.Linear(n_mels, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(dim, commands)

    def forward(self, input_features, attention_mask):
        keep = attention_mask.bool()
        hidden = self.encoder(self.proj(input_features), src_key_padding_mask=~keep)
        weights = keep.unsqueeze(-1).float()
        return self.out((hidden * weights).sum(1) / weights.sum(1))


def recordings(seconds, rate, seed):
    gen = torch.Generator().manual_seed(seed)
    for s in seconds:
        n = round(s * rate)
        pitch = 40 + 200 * torch.rand(1, generator=gen)
        yield torch.sin(2 * math.pi * pitch * torch.arange(n) / rate) + 0.1 * torch.randn(n, generator=gen)


def main():
    torch.manual_seed(0)
    extractor = FeatureExtractor(CONFIG["hop_length"], CONFIG["n_mels"])
    model = CommandNet(CONFIG["n_mels"], CONFIG["dim"], CONFIG["commands"])
    optim = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = [(0.4, 0.75, 0.6), (0.8, 0.31, 0.5), (0.52, 0.655, 0.4), (0.3, 0.9, 0.45)]
    for step, seconds in enumerate(batches):
        waves = list(recordings(seconds, CONFIG["sampling_rate"], seed=step))
        labels = torch.randint(0, CONFIG["commands"], (len(waves),))
        loss = F.cross_entropy(model(**extractor(waves)), labels)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print("step", step, "longest", max(len(w) for w in waves), "loss", round(loss.item(), 3))


if __name__ == "__main__":
    main()
