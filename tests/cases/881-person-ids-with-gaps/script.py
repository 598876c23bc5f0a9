import re

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

TRAIN_FILES = [
    "003_1_c2_0015.png", "003_1_c5_0040.png", "007_2_c1_0003.png", "007_2_c9_0121.png", "011_1_c4_0077.png",
    "011_3_c4_0101.png", "018_1_c2_0009.png", "018_1_c7_0310.png", "025_2_c3_0055.png", "025_2_c6_0060.png",
]


class ClothChangeReID:
    """Reads person and camera numbers out of the file names."""

    pattern = re.compile(r"(\d+)_(\d+)_c(\d+)")

    def __init__(self, files):
        self.train = [self.parse(name) for name in files]

    def parse(self, name):
        pid, _, camid = map(int, self.pattern.search(name).groups())
        return name, pid, camid - 1

    @property
    def num_train_pids(self):
        return len({pid for _, pid, _ in self.train})


class ImageSet(Dataset):
    def __init__(self, records):
        self.records = records

    def __len__(self):
        return len(self.records)

    def __getitem__(self, i):
        name, pid, camid = self.records[i]
        g = torch.Generator().manual_seed(i)
        return torch.rand(3, 32, 16, generator=g), pid, camid


class SmoothedCrossEntropy(nn.Module):
    def __init__(self, eps=0.1):
        super().__init__()
        self.eps = eps

    def forward(self, logits, targets):
        log_probs = logits.log_softmax(1)
        nll = -log_probs.gather(1, targets.unsqueeze(1)).squeeze(1)
        smooth = -log_probs.mean(1)
        return ((1 - self.eps) * nll + self.eps * smooth).mean()


def build_model(num_classes):
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, num_classes),
    )


def run():
    torch.manual_seed(0)
    source = ClothChangeReID(TRAIN_FILES)
    print("source ids", source.num_train_pids, "source images", len(source.train))
    model = build_model(source.num_train_pids)
    criterion = SmoothedCrossEntropy()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(2):
        for images, pids, _ in DataLoader(ImageSet(source.train), batch_size=5, shuffle=False):
            loss = criterion(model(images), pids)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


if __name__ == "__main__":
    run()
