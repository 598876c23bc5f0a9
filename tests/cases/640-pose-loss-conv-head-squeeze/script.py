"""Coarse-to-fine camera relocalisation: relative translation and rotation between a query and its retrieved anchor."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class RelativePoses(Dataset):
    def __init__(self, n, seed=0):
        gen = torch.Generator().manual_seed(seed)
        self.trans = torch.randn(n, 3, generator=gen)
        self.quat = F.normalize(torch.randn(n, 4, generator=gen), dim=1)
        basis = torch.randn(7, 6 * 8 * 8, generator=gen) / 7 ** 0.5
        clean = torch.cat([self.trans, self.quat], 1) @ basis
        self.pairs = clean.view(n, 6, 8, 8) + 0.05 * torch.randn(n, 6, 8, 8, generator=gen)

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        return self.pairs[i], self.trans[i], self.quat[i]


class PoseHead(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.reduce = nn.Conv2d(width, width, 1)
        self.pred = nn.Conv2d(width, out, 1)

    def forward(self, features):
        pooled = F.relu(self.reduce(F.adaptive_avg_pool2d(features, 2)))
        return F.avg_pool2d(self.pred(pooled), 2)


class PoseNet(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(6, width, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, stride=2, padding=1), nn.ReLU()
        )
        self.trans_head = PoseHead(width, 3)
        self.quat_head = PoseHead(width, 4)

    def forward(self, pair):
        features = self.stem(pair)
        trans = self.trans_head(features)
        quat = self.quat_head(features)
        return trans, F.normalize(quat.flatten(1), dim=1)


def l1(prediction, target):
    return (prediction - target).abs().mean()


def run_epoch(model, loader, optimizer, beta=0.5):
    total = {"trans": 0.0, "quat": 0.0}
    for pair, trans_gt, quat_gt in loader:
        trans, quat = model(pair)
        loss_t = l1(trans, trans_gt)
        loss_q = l1(quat, quat_gt)
        optimizer.zero_grad()
        (loss_t + beta * loss_q).backward()
        optimizer.step()
        total["trans"] += loss_t.item() / len(loader)
        total["quat"] += loss_q.item() / len(loader)
    return total


@torch.no_grad()
def median_error(model, data):
    trans, quat = model(data.pairs)
    metres = (trans.reshape(len(data), 3) - data.trans).norm(dim=1)
    degrees = 2 * torch.rad2deg(torch.acos((quat * data.quat).sum(1).abs().clamp(max=1)))
    return metres.median().item(), degrees.median().item()


def main():
    torch.manual_seed(0)
    data = RelativePoses(64)
    model = PoseNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loader = DataLoader(data, batch_size=16, shuffle=True)
    for epoch in range(120):
        losses = run_epoch(model, loader, optimizer)
        if epoch % 40 == 39:
            print("epoch", epoch, {k: round(v, 3) for k, v in losses.items()})
    print("median error: %.2f m, %.1f deg" % median_error(model, data))


if __name__ == "__main__":
    main()
