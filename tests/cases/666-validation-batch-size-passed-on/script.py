import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

GRID = (16, 12)
N_CLASSES = 4
config = {"train_batch_size": 4, "val_batch_size": 6, "lr": 5e-3, "epochs": 2}


class PolarScans(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.points = [torch.rand(int(k), 3, generator=g) for k in torch.randint(40, 90, (n,), generator=g)]

    def __len__(self):
        return len(self.points)

    def __getitem__(self, i):
        pts = self.points[i]
        cell = (pts[:, :2] * torch.tensor(GRID)).long()
        label = torch.zeros(GRID, dtype=torch.long)
        label[cell[:, 0], cell[:, 1]] = (pts[:, 2] * N_CLASSES).long()
        return pts, cell, label


def collate(batch):
    points, cells, labels = zip(*batch)
    return list(points), list(cells), torch.stack(labels)


class CylinderNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.point_mlp = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width))
        self.conv = nn.Sequential(nn.Conv2d(width, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, N_CLASSES, 1))

    def forward(self, points, cells, batch_size):
        index = torch.cat([F.pad(c, (1, 0), value=i) for i, c in enumerate(cells)])
        feats = self.point_mlp(torch.cat(points))
        canvas = feats.new_zeros(batch_size, *GRID, feats.size(1))
        canvas = canvas.index_put((index[:, 0], index[:, 1], index[:, 2]), feats)
        return self.conv(canvas.permute(0, 3, 1, 2))


def train_epoch(model, loader, optimizer, batch_size):
    model.train()
    for points, cells, labels in loader:
        loss = F.cross_entropy(model(points, cells, batch_size), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def validate(model, loader, batch_size):
    model.eval()
    losses = []
    for points, cells, labels in loader:
        logits = model(points, cells, batch_size)
        losses.append(F.cross_entropy(logits, labels).item())
    return sum(losses) / len(losses)


def main():
    torch.manual_seed(0)
    train_loader = DataLoader(PolarScans(16, 1), config["train_batch_size"], shuffle=True, collate_fn=collate)
    val_loader = DataLoader(PolarScans(14, 2), config["val_batch_size"], collate_fn=collate)
    model = CylinderNet()
    optimizer = torch.optim.Adam(model.parameters(), config["lr"])
    for epoch in range(config["epochs"]):
        train_loss = train_epoch(model, train_loader, optimizer, config["train_batch_size"])
        print(f"epoch {epoch} train {train_loss:.4f}")
        print(f"epoch {epoch} val {validate(model, val_loader, config['val_batch_size']):.4f}")


main()
