"""Phoneme posteriors from raw audio, a few utterances at a time."""
import torch
from torch import nn

SAMPLE_RATE, HOP, BANDS, PHONEMES = 16000, 160, 20, 40


def spectrogram(audio):
    window = torch.hann_window(4 * HOP)
    spec = torch.stft(audio.squeeze(1), 4 * HOP, HOP, window=window, return_complex=True).abs()
    return spec[:, :BANDS, :audio.shape[-1] // HOP]


def mask_from_lengths(lengths):
    positions = torch.arange(int(lengths.max()))
    return positions.unsqueeze(0) < lengths.unsqueeze(1)


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout=0.1, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x, padding):
        y = self.norm1(x)
        y, _ = self.attention(y, y, y, key_padding_mask=padding)
        x = x + y
        return x + self.feed(self.norm2(x))


class PosteriorNet(nn.Module):
    def __init__(self, width=32, heads=4, depth=2):
        super().__init__()
        self.input = nn.Conv1d(BANDS, width, 3, padding=1)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(depth))
        self.output = nn.Linear(width, PHONEMES)

    def forward(self, features, lengths):
        padding = ~mask_from_lengths(lengths)
        x = self.input(features).transpose(1, 2)
        for layer in self.layers:
            x = layer(x, padding)
        return self.output(x).transpose(1, 2)


@torch.inference_mode()
def from_features(model, features, lengths):
    return model(features, lengths).softmax(dim=1)


def from_audio(model, audio):
    features = spectrogram(audio)
    lengths = torch.full((features.shape[0],), features.shape[-1])
    return from_features(model, features, lengths)


def main():
    torch.manual_seed(0)
    model = PosteriorNet()
    clip = torch.randn(1, 1, SAMPLE_RATE // 4)
    print("one clip ", tuple(from_audio(model, clip).shape))
    batch = torch.randn(3, 1, SAMPLE_RATE // 4)
    print("three    ", tuple(from_audio(model, batch).shape))


main()
