import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class HeartSlices(Dataset):
    """Short-axis slices with a (1, H, W) label map: background, right ventricle, muscle, left ventricle."""

    def __init__(self, n, size=24):
        gen = torch.Generator().manual_seed(7)
        self.images = torch.randn(n, 1, size, size, generator=gen)
        self.masks = (self.images.abs() * 2).long().clamp(max=3)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return {"image": self.images[i], "mask": self.masks[i]}


class SmallUNet(nn.Module):
    def __init__(self, classes, width=8):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.head = nn.Conv2d(2 * width, classes, 1)

    def forward(self, x):
        skip = self.down1(x)
        return self.head(torch.cat([skip, self.up(self.down2(skip))], dim=1))


class SegmentationModule(nn.Module):
    def __init__(self, net, crit):
        super().__init__()
        self.net, self.crit = net, crit

    def forward(self, feed_dict):
        pred = self.net(feed_dict["image"])
        target = feed_dict["mask"].squeeze()
        return self.crit(pred, target), self.pixel_acc(pred, target)

    @staticmethod
    def pixel_acc(pred, target):
        return (pred.argmax(1) == target).float().mean()


def train(module, loader, optimizer, epoch):
    total, seen = 0.0, 0
    for i, feed_dict in enumerate(loader):
        loss, acc = module(feed_dict)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total, seen = total + loss.item() * len(feed_dict["image"]), seen + len(feed_dict["image"])
        if i % 3 == 0:
            print(f"epoch {epoch} iter {i} loss {total / seen:.3f} acc {acc.item():.3f}")


def main():
    torch.manual_seed(0)
    module = SegmentationModule(SmallUNet(classes=4), nn.CrossEntropyLoss())
    loader = DataLoader(HeartSlices(25), batch_size=4)
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    for epoch in range(2):
        train(module, loader, optimizer, epoch)


if __name__ == "__main__":
    main()
