import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Grayscale:
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)

    def __call__(self, img):
        return (img * self.weights).sum(0, keepdim=True)


class Resize:
    def __init__(self, size):
        self.size = size

    def __call__(self, img):
        h, w = img.shape[-2:]
        if isinstance(self.size, int):
            short = min(h, w)
            target = (round(h * self.size / short), round(w * self.size / short))
        else:
            target = self.size
        return F.interpolate(img.unsqueeze(0), size=target, mode="bilinear", antialias=True)[0]


class Normalize:
    def __call__(self, img):
        return (img - 0.5) / 0.5


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, img):
        for step in self.steps:
            img = step(img)
        return img


class PhotoFolder(Dataset):
    SHAPES = [(60, 60), (48, 48), (72, 72), (50, 75), (64, 64), (90, 60)]

    def __init__(self, n, transform):
        gen = torch.Generator().manual_seed(2)
        self.photos = [torch.rand(3, *self.SHAPES[i % 6], generator=gen) for i in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, i):
        return self.transform(self.photos[i]), i % 4


def cnn(n_classes, side):
    feat = 16 * (side // 4) ** 2
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(feat, n_classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    side = 24
    train = PhotoFolder(36, Compose(Grayscale(), Resize(side), Normalize()))
    loader = DataLoader(train, batch_size=6)
    model = cnn(4, side)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("photos:", len(train), "batches:", len(loader))
    for images, labels in loader:
        loss = F.cross_entropy(model(images), labels)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("last loss %.3f" % loss.item())
