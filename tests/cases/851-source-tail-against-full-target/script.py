import itertools

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def gaussian_kernels(source, target, mul=2.0, num=5):
    total = torch.cat([source, target], dim=0)
    dist = (total.unsqueeze(0) - total.unsqueeze(1)).pow(2).sum(2)
    n = total.size(0)
    bandwidth = dist.detach().sum() / (n * n - n) / mul ** (num // 2)
    return sum(torch.exp(-dist / (bandwidth * mul ** i)) for i in range(num))


class MKMMD(nn.Module):
    def forward(self, source, target):
        kernels = gaussian_kernels(source, target)
        batch_size = source.size(0)
        xx = kernels[:batch_size, :batch_size]
        yy = kernels[batch_size:, batch_size:]
        xy = kernels[:batch_size, batch_size:]
        yx = kernels[batch_size:, :batch_size]
        return torch.mean(xx + yy - xy - yx)


class BearingNet(nn.Module):
    def __init__(self, classes, bottleneck=16):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 8, 9, stride=2), nn.BatchNorm1d(8), nn.ReLU(),
            nn.Conv1d(8, 16, 5, stride=2), nn.BatchNorm1d(16), nn.ReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, bottleneck), nn.ReLU(),
        )
        self.classifier = nn.Linear(bottleneck, classes)

    def forward(self, x):
        z = self.features(x)
        return z, self.classifier(z)


def vibration(n, speed, classes=4, length=128):
    gen = torch.Generator().manual_seed(speed)
    y = torch.randint(0, classes, (n,), generator=gen)
    t = torch.linspace(0, 1, length)
    x = torch.sin(2 * torch.pi * (4 + 3 * y[:, None]) * t * speed / 1750)
    return TensorDataset((x + 0.3 * torch.randn(n, length, generator=gen)).unsqueeze(1), y)


def loaders(batch_size=32):
    kw = dict(batch_size=batch_size, shuffle=True)
    return DataLoader(vibration(84, 1797), **kw), DataLoader(vibration(192, 1730), **kw)


def train(epochs=2, tradeoff=0.5):
    source_loader, target_loader = loaders()
    model = BearingNet(classes=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    distance, criterion = MKMMD(), nn.CrossEntropyLoss()
    target_iter = itertools.chain.from_iterable(itertools.repeat(target_loader))
    for epoch in range(epochs):
        for step, (xs, ys) in enumerate(source_loader):
            xt, _ = next(target_iter)
            zs, logits = model(xs)
            zt, _ = model(xt)
            mmd = distance(zs, zt)
            loss = criterion(logits, ys) + tradeoff * mmd
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(f"epoch {epoch} step {step} loss {loss.item():.4f} mmd {mmd.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train()
