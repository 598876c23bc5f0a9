"""Emotion recognition from short windows of a few dry electrodes."""
import torch
from torch import nn

RATE = 128
MONTAGES = {"frontal-temporal": ["AF7", "AF8", "TP9", "TP10"], "midline": ["Fz", "Cz", "Pz"]}


class TSCeption(nn.Module):
    windows = (0.5, 0.25, 0.125)

    def __init__(self, num_electrodes, num_classes=2, num_t=9, num_s=15, hidden=32):
        super().__init__()
        self.temporal = nn.ModuleList(self.block(1, num_t, (1, int(w * RATE)), 1, 8) for w in self.windows)
        half = int(num_electrodes * 0.5)
        self.whole = self.block(num_t, num_s, (num_electrodes, 1), 1, 2)
        self.sides = self.block(num_t, num_s, (num_electrodes - half, 1), (half, 1), 2)
        self.fusion = self.block(num_s, num_s, (3, 1), 1, 4)
        self.bn_t, self.bn_s, self.bn_f = nn.BatchNorm2d(num_t), nn.BatchNorm2d(num_s), nn.BatchNorm2d(num_s)
        self.head = nn.Sequential(nn.Linear(num_s, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))

    @staticmethod
    def block(c_in, c_out, kernel, stride, pool):
        return nn.Sequential(
            nn.Conv2d(c_in, c_out, kernel, stride), nn.LeakyReLU(), nn.AvgPool2d((1, pool), stride=(1, pool))
        )

    def forward(self, x):
        x = self.bn_t(torch.cat([t(x) for t in self.temporal], dim=-1))
        x = self.bn_s(torch.cat([self.whole(x), self.sides(x)], dim=2))
        x = self.bn_f(self.fusion(x))
        x = x.mean(dim=-1).squeeze(-1)
        return self.head(x)


def recordings(electrodes, count=16, seconds=2, seed=0):
    gen = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=gen)
    signal = torch.randn(count, 1, electrodes, seconds * RATE, generator=gen)
    wave = torch.sin(torch.arange(seconds * RATE) * 10 * 2 * torch.pi / RATE)
    return signal + labels.view(-1, 1, 1, 1) * wave, labels


def fit(model, x, y, epochs=3, batch_size=8):
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for xb, yb in zip(x.split(batch_size), y.split(batch_size)):
            loss = nn.functional.cross_entropy(model(xb), yb)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return loss.item()


if __name__ == "__main__":
    for montage, names in MONTAGES.items():
        torch.manual_seed(0)
        model = TSCeption(num_electrodes=len(names))
        print(f"{montage:<18} {len(names)} electrodes, loss {fit(model, *recordings(len(names))):.3f}")
