import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for t in self.transforms:
            img = t(img)
        return img


class Scale:
    """Rescale a picture with bilinear interpolation."""

    def __init__(self, size):
        self.size = size

    def __call__(self, img):
        h, w = img.shape[-2:]
        if isinstance(self.size, int):
            ratio = self.size / min(h, w)
            size = (round(h * ratio), round(w * ratio))
        else:
            size = self.size
        return F.interpolate(img.unsqueeze(0), size=size, mode="bilinear").squeeze(0)


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = (torch.tensor(v).view(-1, 1, 1) for v in (mean, std))

    def __call__(self, img):
        return (img - self.mean) / self.std


class Screening(Dataset):
    def __init__(self, shots, transform):
        self.shots, self.transform = shots, transform

    def __len__(self):
        return len(self.shots)

    def __getitem__(self, i):
        (h, w), label = self.shots[i]
        gen = torch.Generator().manual_seed(i)
        return self.transform(torch.rand(3, h, w, generator=gen)), label


def make_model():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3),
    )


def main():
    torch.manual_seed(1)
    transform = Compose([Scale((30, 40)), Normalize([0.5, 0.5, 0.5], [0.25, 0.25, 0.25])])
    shots = [((60, 80), 0), ((90, 120), 1), ((60, 80), 2), ((120, 160), 1),
             ((60, 80), 0), ((80, 60), 2), ((90, 120), 0), ((60, 80), 1)]
    train_loader = DataLoader(Screening(shots, transform), batch_size=4)
    model, criterion = make_model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step, (images, labels) in enumerate(train_loader):
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")


main()
