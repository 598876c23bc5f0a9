import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

HPS = {
    "data": {"sampling_rate": 4000, "filter_length": 128, "hop_length": 32, "n_mel_channels": 20,
             "use_mel_posterior_encoder": True},
    "model": {"inter_channels": 16, "hidden_channels": 24, "kernel_size": 5},
    "train": {"batch_size": 3, "learning_rate": 2e-3},
}


def spectrogram(wav, n_fft, hop):
    return torch.stft(wav, n_fft, hop, window=torch.hann_window(n_fft), return_complex=True).abs()


def mel_filters(n_mels, n_freq):
    centres = torch.linspace(0, 1, n_mels + 2) ** 2 * (n_freq - 1)
    bins = torch.arange(n_freq).float()
    up = (bins - centres[:-2, None]) / (centres[1:-1] - centres[:-2])[:, None]
    down = (centres[2:, None] - bins) / (centres[2:] - centres[1:-1])[:, None]
    return torch.minimum(up, down).clamp(min=0)


class TextAudioLoader(Dataset):
    def __init__(self, hparams, clips=6):
        self.n_fft, self.hop = hparams["filter_length"], hparams["hop_length"]
        self.n_mels = hparams["n_mel_channels"]
        self.use_mel = hparams.get("use_mel_posterior_encoder", False)
        gen = torch.Generator().manual_seed(8)
        t = torch.arange(hparams["sampling_rate"] // 2) / hparams["sampling_rate"]
        pitch = 100 + 300 * torch.rand(clips, 1, generator=gen)
        self.wavs = torch.sin(2 * torch.pi * pitch * t) + 0.05 * torch.randn(clips, len(t), generator=gen)

    def __len__(self):
        return len(self.wavs)

    def __getitem__(self, i):
        spec = spectrogram(self.wavs[i], self.n_fft, self.hop)
        if self.use_mel:
            spec = mel_filters(self.n_mels, spec.size(0)) @ spec
        return torch.log(spec + 1e-5)


class PosteriorEncoder(nn.Module):
    def __init__(self, spec_channels, inter_channels, hidden_channels, kernel_size):
        super().__init__()
        self.pre = nn.Conv1d(spec_channels, hidden_channels, 1)
        self.enc = nn.Conv1d(hidden_channels, hidden_channels, kernel_size, padding=kernel_size // 2)
        self.proj = nn.Conv1d(hidden_channels, 2 * inter_channels, 1)

    def forward(self, spec):
        h = torch.relu(self.enc(self.pre(spec)))
        mean, log_std = self.proj(h).chunk(2, dim=1)
        return mean + torch.randn_like(mean) * log_std.exp(), mean, log_std


def run(hps):
    torch.manual_seed(0)
    data, train = hps["data"], hps["train"]
    use_mel = data["use_mel_posterior_encoder"]
    spec_channels = data["n_mel_channels"] if use_mel else data["filter_length"] // 2 + 1
    net = PosteriorEncoder(spec_channels, **hps["model"])
    optim = torch.optim.AdamW(net.parameters(), lr=train["learning_rate"])
    print("mel posterior encoder:", use_mel)
    for step, spec in enumerate(DataLoader(TextAudioLoader(data), batch_size=train["batch_size"])):
        z, mean, log_std = net(spec)
        kl = 0.5 * (mean.pow(2) + (2 * log_std).exp() - 2 * log_std - 1).mean()
        optim.zero_grad()
        kl.backward()
        optim.step()
        print(f"step {step} frames {z.size(-1)} kl {kl.item():.4f}")


run(HPS)
