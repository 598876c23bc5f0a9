from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    batch_size: int = 8
    clip: int = 256
    channels: tuple = (1, 4, 8, 16)
    lr: float = 1e-3
    epochs: int = 1
    l1: float = 10.0

    @property
    def latent(self):
        return self.channels[-1], self.clip // 4 ** (len(self.channels) - 1)


class Generator(nn.Module):
    def __init__(self, channels):
        super().__init__()
        pairs = list(zip(channels, channels[1:]))
        self.enc = nn.ModuleList(nn.Conv1d(a, b, 8, 4, 2) for a, b in pairs)
        self.acts = nn.ModuleList(nn.PReLU() for _ in pairs)
        self.dec = nn.ModuleList(nn.ConvTranspose1d(2 * b, a, 8, 4, 2) for a, b in reversed(pairs))

    def forward(self, x, z):
        skips = []
        for conv, act in zip(self.enc, self.acts):
            x = conv(x)
            skips.append(x)
            x = act(x)
        joined = torch.cat((x, z), dim=1)
        for i, deconv in enumerate(self.dec):
            x = deconv(joined)
            if i + 1 < len(self.dec):
                joined = torch.cat((torch.relu(x), skips[-2 - i]), dim=1)
        return torch.tanh(x)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(2, 8, 16, 8, 4), nn.LeakyReLU(0.3), nn.Conv1d(8, 1, 8, 4), nn.AdaptiveAvgPool1d(1))

    def forward(self, pair):
        return self.net(pair).flatten(1)


def make_loader(cfg, n=19):
    t = torch.arange(cfg.clip) / cfg.clip
    clean = torch.stack([torch.sin(40 * t * (1 + 0.1 * i)) for i in range(n)]).unsqueeze(1) * 0.5
    noisy = clean + 0.1 * torch.randn_like(clean)
    return DataLoader(TensorDataset(clean, noisy), batch_size=cfg.batch_size, shuffle=True)


class Trainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.G, self.D = Generator(cfg.channels), Discriminator()
        self.g_opt = torch.optim.RMSprop(self.G.parameters(), lr=cfg.lr)
        self.d_opt = torch.optim.RMSprop(self.D.parameters(), lr=cfg.lr)
        self.z = torch.empty(cfg.batch_size, *cfg.latent)

    def step(self, clean, noisy):
        z = self.z.normal_()
        fake = self.G(noisy, z)
        d_loss = (self.D(torch.cat((clean, noisy), 1)) - 1).square().mean() + self.D(torch.cat((fake.detach(), noisy), 1)).square().mean()
        self.d_opt.zero_grad()
        d_loss.backward()
        self.d_opt.step()
        g_loss = (self.D(torch.cat((fake, noisy), 1)) - 1).square().mean() + self.cfg.l1 * (fake - clean).abs().mean()
        self.g_opt.zero_grad()
        g_loss.backward()
        self.g_opt.step()
        return d_loss.item(), g_loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    cfg = Config()
    trainer = Trainer(cfg)
    for epoch in range(cfg.epochs):
        for i, (clean, noisy) in enumerate(make_loader(cfg)):
            print("epoch %d iter %d d %.3f g %.3f" % (epoch, i, *trainer.step(clean, noisy)))
