"""U-Net on car photos; the masks come from a labelling tool that exports PNG."""
from pathlib import PurePath

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

RNG = np.random.default_rng(0)
FILES = {}
for n in range(6):
    body = np.zeros((32, 40), dtype=np.uint8)
    body[8 + n:24, 6:30 - n] = 1
    FILES[f"imgs/car_{n}.jpg"] = RNG.integers(0, 256, (32, 40, 3), dtype=np.uint8)
    FILES[f"masks/car_{n}.png"] = np.stack([body] * 3, axis=-1)


def load_image(path):
    return FILES[str(PurePath(path))]


class CarvanaDataset(Dataset):
    def __init__(self, names, scale=1):
        self.names, self.scale = names, scale

    @staticmethod
    def preprocess(pixels, scale, is_mask):
        pixels = pixels[::scale, ::scale]
        if is_mask:
            return pixels[..., 0].astype(np.int64)
        return pixels.transpose(2, 0, 1).astype(np.float32) / 255

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        image = load_image(f"imgs/{self.names[i]}.jpg")
        mask = load_image(f"masks/{self.names[i]}.png")
        return {
            "image": torch.from_numpy(self.preprocess(image, self.scale, is_mask=False)),
            "mask": torch.from_numpy(self.preprocess(mask, self.scale, is_mask=True)),
        }


class UNet(nn.Module):
    def __init__(self, n_channels=3, n_classes=2, width=8):
        super().__init__()
        self.inc = nn.Sequential(nn.Conv2d(n_channels, width, 3, padding=1), nn.ReLU())
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.outc = nn.Conv2d(2 * width, n_classes, 1)

    def forward(self, x):
        first = self.inc(x)
        return self.outc(torch.cat([first, self.up(self.down(first))], dim=1))


def train_net(net, loader, epochs=2):
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3)
    for epoch in range(epochs):
        total = 0.0
        for batch in loader:
            masks_pred = net(batch["image"])
            loss = F.cross_entropy(masks_pred, batch["mask"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train_net(UNet(), DataLoader(CarvanaDataset([f"car_{n}" for n in range(6)]), batch_size=2, shuffle=True))
