import torch
import torch.nn as nn
import torch.nn.functional as F

SAMPLE_RATE, N_FFT, HOP_LENGTH = 16000, 400, 160
N_MELS = 80
DIMS = {
    "base": dict(n_mels=80, n_state=32, n_head=4, n_layer=1),
    "large-v2": dict(n_mels=80, n_state=64, n_head=4, n_layer=2),
    "large-v3": dict(n_mels=128, n_state=64, n_head=4, n_layer=2),
}


def mel_filters(n_mels):
    points = torch.linspace(0, N_FFT // 2, n_mels + 2)
    bins = torch.arange(N_FFT // 2 + 1)
    up = (bins - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    down = (points[2:, None] - bins) / (points[2:] - points[1:-1])[:, None]
    return torch.minimum(up, down).clamp(min=0)


def log_mel_spectrogram(audio, n_mels=N_MELS):
    window = torch.hann_window(N_FFT)
    magnitudes = torch.stft(audio, N_FFT, HOP_LENGTH, window=window, return_complex=True)[..., :-1].abs() ** 2
    spec = (mel_filters(n_mels) @ magnitudes).clamp(min=1e-10).log10()
    return (torch.maximum(spec, spec.max() - 8.0) + 4.0) / 4.0


class AudioEncoder(nn.Module):
    def __init__(self, n_mels, n_state, n_head, n_layer):
        super().__init__()
        self.conv1 = nn.Conv1d(n_mels, n_state, 3, padding=1)
        self.conv2 = nn.Conv1d(n_state, n_state, 3, stride=2, padding=1)
        block = nn.TransformerEncoderLayer(n_state, n_head, 2 * n_state, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, n_layer, enable_nested_tensor=False)

    def forward(self, mel):
        x = F.gelu(self.conv1(mel))
        x = F.gelu(self.conv2(x))
        return self.blocks(x.transpose(1, 2))


class Transcriber(nn.Module):
    def __init__(self, name, n_vocab):
        super().__init__()
        self.name, self.dims = name, DIMS[name]
        self.encoder = AudioEncoder(**self.dims)
        self.proj = nn.Linear(self.dims["n_state"], n_vocab)

    def forward(self, mel):
        return self.proj(self.encoder(mel)).log_softmax(-1)


def records(n, seconds=0.5, n_vocab=20):
    gen = torch.Generator().manual_seed(1)
    for _ in range(n):
        audio = torch.randn(2, int(seconds * SAMPLE_RATE), generator=gen)
        yield audio, torch.randint(1, n_vocab, (2, 6), generator=gen)


def finetune(name, steps=2):
    model = Transcriber(name, n_vocab=20)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for audio, text in records(steps):
        logp = model(log_mel_spectrogram(audio, model.dims["n_mels"])).transpose(0, 1)
        lengths = torch.full((logp.size(1),), logp.size(0)), torch.full((len(text),), text.size(1))
        loss = F.ctc_loss(logp, text, *lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{name}: loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    for name in ("base", "large-v3"):
        finetune(name)
