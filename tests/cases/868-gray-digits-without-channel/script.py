import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, random_split


class DigitScans(Dataset):
    """Scanned digits, kept the way the scanner wrote them: uint8, one 32 x 32 array each."""

    def __init__(self, count, seed=0):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 10, size=count)
        self.scans = rng.integers(0, 60, size=(count, 32, 32), dtype=np.uint8)
        for scan, digit in zip(self.scans, self.labels):
            scan[4 + 2 * digit:8 + 2 * digit, 6:26] += 150
        self.mean, self.std = self.scans.mean() / 255, self.scans.std() / 255

    def __len__(self):
        return len(self.scans)

    def __getitem__(self, i):
        image = torch.from_numpy(self.scans[i]).float() / 255
        image = (image - self.mean) / self.std
        return image, int(self.labels[i])


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        return self.fc3(x)


def accuracy(net, loader):
    net.eval()
    hits = sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


def main():
    torch.manual_seed(0)
    data = DigitScans(160)
    train, test = random_split(data, [128, 32])
    print("train", len(train), "test", len(test), "mean %.3f std %.3f" % (data.mean, data.std))
    net = LeNet()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(2):
        net.train()
        for x, y in DataLoader(train, batch_size=64, shuffle=True):
            loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print("epoch", epoch, "loss", round(loss.item(), 4))
    print("accuracy", accuracy(net, DataLoader(test, batch_size=16)))


if __name__ == "__main__":
    main()
