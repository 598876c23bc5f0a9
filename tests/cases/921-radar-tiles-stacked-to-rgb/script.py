"""Boundary-equilibrium GAN on a folder of single-channel radar tiles."""
import os
import tempfile
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def write_tiles(folder, count=8, side=16):
    rng = np.random.default_rng(2)
    for i in range(count):
        pixels = rng.integers(0, 255, (side, side), dtype=np.uint8)
        np.save(os.path.join(folder, f"tile_{i:02d}.npy"), pixels)


def default_loader(path, mode):
    pixels = np.load(path)
    if mode == "RGB" and pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    return pixels.reshape(*pixels.shape[:2], -1)


class ImageFolder(Dataset):
    def __init__(self, root, mode="RGB", loader=default_loader):
        self.paths = sorted(os.path.join(root, name) for name in os.listdir(root))
        self.mode, self.loader = mode, loader

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        pixels = self.loader(self.paths[i], self.mode)
        return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1


class Discriminator(nn.Module):
    def __init__(self, n_channels, n_hidden=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(n_channels, n_hidden, 3, padding=1), nn.ELU(), nn.Conv2d(n_hidden, n_hidden, 3, 2, 1), nn.ELU()
        )
        self.decoder = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(n_hidden, n_channels, 3, padding=1))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Generator(nn.Module):
    def __init__(self, n_z, n_channels, n_hidden=8):
        super().__init__()
        self.fc = nn.Linear(n_z, n_hidden * 64)
        self.net = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(n_hidden, n_channels, 3, padding=1), nn.Tanh())

    def forward(self, z):
        return self.net(self.fc(z).unflatten(1, (-1, 8, 8)))


def run(args):
    torch.manual_seed(0)
    loader = DataLoader(ImageFolder(args.dset_dir), batch_size=args.batch_size)
    G, D = Generator(args.n_z, args.channel), Discriminator(args.channel)
    opt = torch.optim.Adam([*G.parameters(), *D.parameters()], lr=args.lr)
    for step, x_real in enumerate(loader):
        x_fake = G(torch.randn(len(x_real), args.n_z))
        loss_fake = (D(x_fake) - x_fake).abs().mean()
        loss_real = (D(x_real) - x_real).abs().mean()
        opt.zero_grad()
        (loss_real + loss_fake).backward()
        opt.step()
        print(f"step {step} real {loss_real.item():.3f} fake {loss_fake.item():.3f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_tiles(folder)
        run(SimpleNamespace(dset_dir=folder, batch_size=4, n_z=6, channel=1, lr=1e-3))
