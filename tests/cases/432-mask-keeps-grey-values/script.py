from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class TrainArgs:
    epochs: int = 2
    batch_size: int = 3
    lr: float = 1e-3
    classes: int = 2
    scale: float = 0.5


class CellFolder:
    """Microscope frames and the masks the annotators painted over them."""

    PAINT = {"background": 0, "cell": 192}

    def __init__(self, n, side=32, seed=4):
        rng = np.random.default_rng(seed)
        self.frames = rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8)
        names = rng.choice(list(self.PAINT), size=(n, side, side), p=[0.7, 0.3])
        self.masks = np.vectorize(self.PAINT.get)(names).astype(np.uint8)

    def __len__(self):
        return len(self.frames)

    @staticmethod
    def preprocess(array, scale, is_mask):
        step = int(1 / scale)
        array = array[::step, ::step]
        if is_mask:
            return torch.as_tensor(array.copy()).long()
        return torch.as_tensor(array.transpose(2, 0, 1).copy()).float() / 255

    def item(self, i, scale):
        return self.preprocess(self.frames[i], scale, False), self.preprocess(self.masks[i], scale, True)

    def batches(self, size, scale):
        for start in range(0, len(self), size):
            images, masks = zip(*(self.item(i, scale) for i in range(start, min(start + size, len(self)))))
            yield torch.stack(images), torch.stack(masks)


def unet_like(n_channels, n_classes):
    return nn.Sequential(
        nn.Conv2d(n_channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(16, n_classes, 1),
    )


def train_model(args):
    folder = CellFolder(9)
    model = unet_like(3, args.classes)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        running = 0.0
        for images, true_masks in folder.batches(args.batch_size, args.scale):
            masks_pred = model(images)
            loss = F.cross_entropy(masks_pred, true_masks)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(images)
        print(f"epoch {epoch}: train loss {running / len(folder):.4f}")


torch.manual_seed(0)
train_model(TrainArgs())
