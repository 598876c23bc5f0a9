import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def to_tensor(array):
    """HWC or HW numpy array -> CHW tensor."""
    t = torch.from_numpy(np.ascontiguousarray(array))
    if t.ndim == 2:
        t = t.unsqueeze(0)
    else:
        t = t.permute(2, 0, 1)
    return t


class Roads(Dataset):
    def __init__(self, n, side=24):
        rng = np.random.default_rng(0)
        self.images = rng.random((n, side, side, 3), dtype=np.float32)
        self.masks = rng.integers(0, 4, (n, side, side), dtype=np.uint8)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = to_tensor(self.images[i])
        mask = to_tensor(self.masks[i])
        if i % 2:
            image, mask = image.flip(-1), mask.flip(-1)
        return image, mask


def build(classes):
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.Conv2d(16, classes, 1),
    )


class Runner:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.CrossEntropyLoss(ignore_index=255)
        self.opt = torch.optim.SGD(model.parameters(), lr=0.1)

    def batch(self, image, target):
        logits = self.model(image)
        loss = self.criterion(logits, target.long())
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    runner = Runner(build(4))
    for image, target in DataLoader(Roads(12), batch_size=4, shuffle=True):
        print("loss %.3f" % runner.batch(image, target))
