from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


@dataclass
class TrainConfig:
    in_channels: int = 3
    classes: int = 5
    batch_size: int = 4
    epochs: int = 2


class Slides(Dataset):
    def __init__(self, n, classes, size=24):
        g = torch.Generator().manual_seed(8)
        coarse = torch.randint(0, classes, (n, 1, 4, 4), generator=g).float()
        self.labels = F.interpolate(coarse, size=(size, size), mode="nearest")
        self.images = self.labels / classes + 0.1 * torch.randn(n, 3, size, size, generator=g)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


def block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, in_ch, out_ch, width=8):
        super().__init__()
        self.down1, self.down2 = block(in_ch, width), block(width, 2 * width)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge, self.head = block(2 * width, width), nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        skip = self.down1(x)
        x = self.up(self.down2(F.max_pool2d(skip, 2)))
        return self.head(self.merge(torch.cat([x, skip], dim=1)))


def dice_loss(prediction, target, smooth=1.0):
    inter = (prediction * target).sum((2, 3))
    return (1 - (2 * inter + smooth) / (prediction.sum((2, 3)) + target.sum((2, 3)) + smooth)).mean()


def calc_loss(prediction, target, bce_weight=0.5):
    bce = F.binary_cross_entropy_with_logits(prediction, target)
    dice = dice_loss(prediction.sigmoid(), target)
    return bce * bce_weight + dice * (1 - bce_weight)


def train(cfg):
    torch.manual_seed(0)
    loader = DataLoader(Slides(12, cfg.classes), batch_size=cfg.batch_size)
    model = UNet(cfg.in_channels, cfg.classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("classes", cfg.classes, "batches", len(loader))
    for epoch in range(cfg.epochs):
        for images, labels in loader:
            loss = calc_loss(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


if __name__ == "__main__":
    train(TrainConfig())
