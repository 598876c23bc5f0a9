"""A GAN vocoder, reconfigured for recordings with a smaller hop."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class AttrDict(dict):
    __getattr__ = dict.__getitem__


h = AttrDict(
    upsample_rates=[4, 3, 3],
    upsample_kernel_sizes=[8, 6, 6],
    upsample_initial_channel=32,
    num_mels=16,
    hop_size=36,
    n_fft=144,
    segment_size=1152,
    batch_size=4,
)


def mel_spectrogram(y, h):
    pad = (h.n_fft - h.hop_size) // 2
    y = F.pad(y, (pad, pad), mode="reflect").squeeze(1)
    spec = torch.stft(y, h.n_fft, h.hop_size, window=torch.hann_window(h.n_fft), center=False, return_complex=True)
    bands = F.adaptive_avg_pool1d(spec.abs().transpose(1, 2), h.num_mels).transpose(1, 2)
    return bands.clamp(min=1e-5).log()


class Generator(nn.Module):
    def __init__(self, h):
        super().__init__()
        ch = h.upsample_initial_channel
        self.conv_pre = nn.Conv1d(h.num_mels, ch, 7, padding=3)
        self.ups = nn.ModuleList()
        for i, (u, k) in enumerate(zip(h.upsample_rates, h.upsample_kernel_sizes)):
            self.ups.append(nn.ConvTranspose1d(ch // 2 ** i, ch // 2 ** (i + 1), k, u, padding=(k - u) // 2))
        self.conv_post = nn.Conv1d(ch // 2 ** len(self.ups), 1, 7, padding=3)

    def forward(self, x):
        x = self.conv_pre(x)
        for up in self.ups:
            x = up(F.leaky_relu(x, 0.1))
        return torch.tanh(self.conv_post(F.leaky_relu(x)))


class ScaleDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([
            nn.Conv1d(1, 8, 15, padding=7), nn.Conv1d(8, 16, 41, 4, padding=20), nn.Conv1d(16, 16, 5, padding=2),
        ])
        self.conv_post = nn.Conv1d(16, 1, 3, padding=1)

    def forward(self, x):
        fmap = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.1)
            fmap.append(x)
        x = self.conv_post(x)
        return x.flatten(1), fmap + [x]


def feature_loss(fmap_r, fmap_g):
    loss = 0
    for rl, gl in zip(fmap_r, fmap_g):
        loss = loss + torch.mean(torch.abs(rl - gl))
    return loss * 2


def segments(h, count):
    gen = torch.Generator().manual_seed(7)
    t = torch.arange(h.segment_size) / 8000
    for _ in range(count):
        pitch = 80 + 200 * torch.rand(h.batch_size, 1, generator=gen)
        yield (0.5 * torch.sin(2 * torch.pi * pitch * t)).unsqueeze(1)


def train(h, steps):
    torch.manual_seed(1234)
    generator, msd = Generator(h), ScaleDiscriminator()
    optim_g = torch.optim.AdamW(generator.parameters(), 1e-3)
    optim_d = torch.optim.AdamW(msd.parameters(), 1e-3)
    for step, y in enumerate(segments(h, steps)):
        y_mel = mel_spectrogram(y, h)
        y_g_hat = generator(y_mel)
        loss_mel = F.l1_loss(mel_spectrogram(y_g_hat, h), y_mel)

        d_real, d_fake = msd(y)[0], msd(y_g_hat.detach())[0]
        loss_d = ((1 - d_real) ** 2).mean() + (d_fake ** 2).mean()
        optim_d.zero_grad()
        loss_d.backward()
        optim_d.step()

        fmap_r = msd(y)[1]
        d_fake, fmap_g = msd(y_g_hat)
        loss_g = ((1 - d_fake) ** 2).mean() + feature_loss(fmap_r, fmap_g) + 45 * loss_mel
        optim_g.zero_grad()
        loss_g.backward()
        optim_g.step()
        print(f"step {step}: d {loss_d.item():.3f} g {loss_g.item():.3f} mel {loss_mel.item():.3f}")


if __name__ == "__main__":
    train(h, steps=4)
