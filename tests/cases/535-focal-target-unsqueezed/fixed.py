import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class CrackPatches(Dataset):
    """Grey concrete patches; a dark line marks the crack."""

    def __init__(self, n, size=16):
        g = torch.Generator().manual_seed(5)
        self.images = 0.6 + 0.1 * torch.randn(n, 1, size, size, generator=g)
        self.masks = torch.zeros(n, 1, size, size)
        for i, row in enumerate(torch.randint(1, size - 2, (n,), generator=g).tolist()):
            self.masks[i, :, row:row + 2] = 1
        self.images -= 0.4 * self.masks

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return {"image": self.images[i], "mask": self.masks[i]}


def binary_focal_loss_with_logits(logits, target, alpha=0.25, gamma=2.0, reduction="mean"):
    if len(logits.shape) < 2:
        raise ValueError(f"Invalid input shape, we expect BxCx*. Got: {logits.shape}")
    probs = torch.sigmoid(logits)
    loss = -alpha * (1 - probs).pow(gamma) * target * F.logsigmoid(logits) \
        - (1 - alpha) * probs.pow(gamma) * (1 - target) * F.logsigmoid(-logits)
    return {"none": lambda t: t, "mean": torch.mean, "sum": torch.sum}[reduction](loss)


class SegNet(nn.Sequential):
    def __init__(self, width=8):
        super().__init__(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, 1, 1),
        )


def iou(logits, masks):
    found, true = logits > 0, masks > 0.5
    return ((found & true).sum() / (found | true).sum().clamp(min=1)).item()


if __name__ == "__main__":
    torch.manual_seed(0)
    net = SegNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    data = CrackPatches(32)
    for epoch in range(8):
        losses = []
        for batch in DataLoader(data, batch_size=8):
            loss = binary_focal_loss_with_logits(net(batch["image"]), batch["mask"], alpha=0.75)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} focal {sum(losses) / len(losses):.4f}")
    with torch.no_grad():
        print(f"IoU {iou(net(data.images), data.masks):.3f}")
