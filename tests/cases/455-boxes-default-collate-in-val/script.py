"""Objects in small scenes: a one-stage detector is trained and checked on a held-out set."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Scenes(Dataset):
    """Pictures with one or more bright squares; a target row is (x1, y1, x2, y2, class)."""

    def __init__(self, n, seed):
        self.g = torch.Generator().manual_seed(seed)
        self.items = [self.pull_item(1 + i % 3) for i in range(n)]

    def pull_item(self, objects):
        image = torch.rand(3, 48, 48, generator=self.g) * 0.2
        target = torch.zeros(objects, 5)
        for row in target:
            x, y, kind = (int(torch.randint(h, (1,), generator=self.g)) for h in (36, 36, 2))
            image[kind, y:y + 12, x:x + 12] = 1.0
            row[:] = torch.tensor([x / 48, y / 48, (x + 12) / 48, (y + 12) / 48, kind])
        return image, target

    __len__ = lambda self: len(self.items)
    __getitem__ = lambda self, i: self.items[i]


def detection_collate(batch):
    return torch.stack([image for image, _ in batch]), [target for _, target in batch]


LOADERS = {
    "train": dict(batch_size=8, shuffle=True, collate_fn=detection_collate),
    "val": dict(batch_size=4),
}


def make_loaders(sizes):
    return {part: DataLoader(Scenes(n, seed), **LOADERS[part]) for seed, (part, n) in enumerate(sizes.items())}


class GridDetector(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 5, stride=4, padding=2), nn.ReLU(),
            nn.Conv2d(32, classes, 3, padding=1),
        )

    def forward(self, images):
        return self.body(images)


def grid_targets(targets, shape):
    grid = torch.zeros(shape)
    for i, boxes in enumerate(targets):
        cells = ((boxes[:, :2] + boxes[:, 2:4]) / 2 * shape[-1]).long()
        grid[i, boxes[:, 4].long(), cells[:, 1], cells[:, 0]] = 1
    return grid


def loss_of(model, images, targets):
    scores = model(images)
    return nn.functional.binary_cross_entropy_with_logits(scores, grid_targets(targets, scores.shape))


if __name__ == "__main__":
    torch.manual_seed(0)
    loaders = make_loaders({"train": 48, "val": 12})
    model = GridDetector()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(2):
        for images, targets in loaders["train"]:
            loss = loss_of(model, images, targets)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
        with torch.no_grad():
            val = [loss_of(model, images, targets).item() for images, targets in loaders["val"]]
        print(f"epoch {epoch} train {loss.item():.3f} val {sum(val) / len(val):.3f}")
