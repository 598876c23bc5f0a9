"""Segmentation training with one loss term for every scale the network is run at."""
from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F


class Backbone(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=4, padding=1)
        self.aspp = nn.ModuleList(nn.Conv2d(16, n_classes, 3, padding=r, dilation=r) for r in (1, 2))

    def forward(self, x):
        x = F.relu(self.stem(x))
        return sum(branch(x) for branch in self.aspp)


class MultiScale(nn.Module):
    def __init__(self, base, scales):
        super().__init__()
        self.base, self.scales = base, scales

    def forward(self, x):
        logits = self.base(x)
        pyramid = [self.base(F.interpolate(x, scale_factor=s, mode="bilinear")) for s in self.scales]
        resized = [F.interpolate(p, size=logits.shape[-2:], mode="bilinear") for p in pyramid]
        fused = torch.stack([logits] + resized).amax(0)
        return [logits] + pyramid + [fused]


def setup_model(cfg):
    base = Backbone(cfg.n_classes)
    if not cfg.scales:
        return base
    return MultiScale(base, cfg.scales)


def resize_labels(labels, size):
    return F.interpolate(labels.unsqueeze(1).float(), size=size, mode="nearest").squeeze(1).long()


def train(cfg, steps=2):
    torch.manual_seed(0)
    model = setup_model(cfg)
    criterion = nn.CrossEntropyLoss(ignore_index=cfg.ignore)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=0.9)
    for step in range(steps):
        images = torch.randn(cfg.batch_size, 3, 48, 64)
        labels = torch.randint(0, cfg.n_classes, (cfg.batch_size, 48, 64))
        labels[:, :4] = cfg.ignore
        logits = model(images)
        loss = 0
        for logit in logits:
            target = resize_labels(labels, logit.shape[-2:])
            loss = loss + criterion(logit, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"scales {cfg.scales} step {step} loss {loss.item():.3f}")


def main():
    common = dict(n_classes=7, ignore=255, batch_size=2, lr=0.02)
    train(SimpleNamespace(**common, scales=(0.5, 0.75)))
    train(SimpleNamespace(**common, scales=()))


if __name__ == "__main__":
    main()
