import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class ToTensor:
    def __call__(self, picture):
        picture = np.atleast_3d(picture)
        return torch.from_numpy(picture.transpose(2, 0, 1).copy()).float() / 255


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = (torch.tensor(v).view(-1, 1, 1) for v in (mean, std))

    def __call__(self, tensor):
        return tensor.sub_(self.mean).div_(self.std)


class Compose(list):
    def __call__(self, x):
        for t in self:
            x = t(x)
        return x


class Digits(Dataset):
    def __init__(self, name, pictures, transform):
        self.name, self.pictures, self.transform = name, pictures, transform

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, i):
        return self.transform(self.pictures[i]), i % 10


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -0.1 * grad


def load(seed=0, n=24):
    rng = np.random.default_rng(seed)
    transform = Compose([ToTensor(), Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])])
    mnist_m = Digits("mnist_m", rng.integers(0, 255, (n, 28, 28, 3), dtype=np.uint8), transform)
    grey = Compose([ToTensor(), Normalize([0.5], [0.5])])
    mnist = Digits("mnist", rng.integers(0, 255, (n, 28, 28), dtype=np.uint8), grey)
    return mnist, mnist_m


def main():
    torch.manual_seed(0)
    source_set, target_set = load()
    print(source_set.name, "->", target_set.name, len(source_set), len(target_set))
    extractor = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
    classifier, discriminator = nn.Linear(72, 10), nn.Linear(72, 2)
    networks, ce = nn.ModuleList([extractor, classifier, discriminator]), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(networks.parameters(), lr=0.01, momentum=0.9)
    for (source, y), (target, _) in zip(DataLoader(source_set, 8), DataLoader(target_set, 8)):
        source = source.expand(-1, 3, -1, -1)
        features = extractor(torch.cat([source, target]))
        domain = torch.tensor([0] * len(source) + [1] * len(target))
        loss = ce(classifier(features[:len(source)]), y) + ce(discriminator(Reverse.apply(features)), domain)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("loss", round(loss.item(), 4))


main()
