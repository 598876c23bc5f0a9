from collections import OrderedDict

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class SKAttention(nn.Module):
    def __init__(self, channel=16, kernels=(1, 3, 5), reduction=4, group=1, L=8):
        super().__init__()
        self.d = max(L, channel // reduction)
        self.convs = nn.ModuleList([
            nn.Sequential(OrderedDict([
                ("conv", nn.Conv2d(channel, channel, kernel_size=k, padding=k // 2, groups=group)),
                ("bn", nn.BatchNorm2d(channel)),
                ("relu", nn.ReLU()),
            ])) for k in kernels
        ])
        self.fc = nn.Linear(channel, self.d)
        self.fcs = nn.ModuleList([nn.Linear(self.d, channel) for _ in kernels])
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        bs, c, _, _ = x.size()
        feats = torch.stack([conv(x) for conv in self.convs], 0)
        U = feats.sum(0)
        Z = self.fc(U.mean(-1).mean(-1))
        weights = [fc(Z).view(bs, c, 1, 1) for fc in self.fcs]
        attention_weights = self.softmax(torch.stack(weights, 0))
        return (attention_weights * feats).sum(0)


class SegHead(nn.Module):
    def __init__(self, classes, width=16):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, stride=2, padding=1), nn.ReLU())
        self.sk = SKAttention(width)
        self.cls = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        y = self.cls(self.sk(self.stem(x)))
        return nn.functional.interpolate(y, size=x.shape[-2:], mode="bilinear")


class Shapes(Dataset):
    def __init__(self, n, side=24):
        g = torch.Generator().manual_seed(3)
        self.masks = torch.zeros(n, side, side, dtype=torch.long)
        for i in range(n):
            y, x, s = (int(torch.randint(2, 12, (1,), generator=g)) for _ in range(3))
            self.masks[i, y:y + s, x:x + s] = 1 + i % 2
        self.images = torch.stack([(self.masks == k).float() for k in range(3)], 1)
        self.images += 0.3 * torch.randn(n, 3, side, side, generator=g)

    def __len__(self):
        return len(self.masks)

    def __getitem__(self, i):
        return self.images[i], self.masks[i]


def pixel_accuracy(model, data, batch_size):
    model.eval()
    hit = total = 0
    with torch.no_grad():
        for image, mask in DataLoader(data, batch_size=batch_size):
            hit += (model(image).argmax(1) == mask).sum().item()
            total += mask.numel()
    return hit / total


torch.manual_seed(0)
train, val = Shapes(24), Shapes(8)
model = SegHead(classes=3)
optimizer = torch.optim.Adam(model.parameters(), 5e-3)
for epoch in range(3):
    model.train()
    for image, mask in DataLoader(train, batch_size=8):
        loss = nn.functional.cross_entropy(model(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
print(f"val pixel acc batch 8: {pixel_accuracy(model, val, 8):.4f}  batch 1: {pixel_accuracy(model, val, 1):.4f}")
