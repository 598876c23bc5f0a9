from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Args:
    large_bs: int = 24
    small_bs: int = 6
    classes: int = 5
    lr: float = 1e-2


class Clusterer(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 6, 3, stride=2), nn.ReLU(), nn.Conv2d(6, 12, 3, stride=2), nn.ReLU(), nn.Flatten(),
        )
        self.assign = nn.Linear(12 * 3 * 3, classes)

    def forward(self, x):
        return self.assign(self.trunk(x)).softmax(dim=1)


@torch.no_grad()
def similarity_targets(model, images, threshold=0.95):
    p = F.normalize(model(images), dim=1)
    return (p @ p.t() > threshold).float()


def augment(images):
    flipped = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(-1), images)
    return flipped + 0.05 * torch.randn_like(images)


def train_epoch(args, model, loader, optimiser):
    losses = []
    for (images,) in loader:
        graph = similarity_targets(model, images)
        order = torch.randperm(args.large_bs)
        for start in range(0, len(order), args.small_bs):
            rows = order[start:start + args.small_bs]
            p = F.normalize(model(augment(images[rows])), dim=1)
            agree = (p @ p.t()).clamp(1e-4, 1 - 1e-4)
            loss = F.binary_cross_entropy(agree, graph[rows][:, rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        print(f"large batch of {len(images)}: loss {losses[-1]:.4f}")
    return sum(losses) / len(losses)


def main():
    args = Args()
    torch.manual_seed(0)
    digits = torch.rand(64, 1, 16, 16)
    loader = DataLoader(TensorDataset(digits), batch_size=args.large_bs, shuffle=True)
    model = Clusterer(args.classes)
    optimiser = torch.optim.RMSprop(model.parameters(), lr=args.lr)
    for epoch in range(2):
        print("epoch", epoch, "mean", round(train_epoch(args, model, loader, optimiser), 4))


if __name__ == "__main__":
    main()
