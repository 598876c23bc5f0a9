import random

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)


def random_crop(t, size):
    top = random.randint(0, t.shape[-2] - size)
    left = random.randint(0, t.shape[-1] - size)
    return t[..., top : top + size, left : left + size]


class Roads(Dataset):
    def __init__(self, n, crop=None, flip=True):
        self.images = torch.rand(n, 3, 48, 48)
        self.masks = (self.images.mean(1) > 0.5).long()
        self.crop, self.flip = crop, flip

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.flip and random.random() < 0.5:
            image, mask = image.flip(-1), mask.flip(-1)
        if self.crop:
            image = random_crop(image, self.crop)
        return image, mask


def build(classes=2):
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.Conv2d(16, classes, 1),
    )


def run(net, loader, opt=None):
    for image, mask in loader:
        loss = F.cross_entropy(net(image), mask)
        if opt:
            opt.zero_grad()
            loss.backward()
            opt.step()
    return loss.item()


net = build()
print("before", run(net, DataLoader(Roads(8, flip=False), batch_size=4)))
opt = torch.optim.Adam(net.parameters(), 1e-3)
print("after", run(net, DataLoader(Roads(16, crop=32), batch_size=4), opt))
