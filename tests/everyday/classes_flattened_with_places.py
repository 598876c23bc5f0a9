"""Segment bright, dark and middle blobs on small images."""

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 3


def scenes(n, side, seed):
    gen = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, CLASSES, (n, 1, side // 4, side // 4), generator=gen)
    masks = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)
    images = masks.float() - 1 + 0.2 * torch.randn(n, 1, side, side, generator=gen)
    return images, masks.squeeze(1)


def build_net():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, CLASSES, 1),
    )


def pixel_loss(logits, masks):
    flat = logits.reshape(-1, logits.size(1))
    return F.cross_entropy(flat, masks.reshape(-1))


def iou(pred, masks):
    for c in range(CLASSES):
        a, b = pred == c, masks == c
        yield ((a & b).sum() / (a | b).sum().clamp(min=1)).item()


def main():
    torch.manual_seed(0)
    net = build_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    images, masks = scenes(16, 16, seed=1)
    for step in range(40):
        logits = net(images)
        loss = pixel_loss(logits, masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        images, masks = scenes(8, 16, seed=2)
        pred = net(images).argmax(1)
    print(f"loss {loss.item():.3f} iou", [round(v, 3) for v in iou(pred, masks)])


if __name__ == "__main__":
    main()
