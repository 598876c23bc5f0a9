"""Emotion recognition from EEG and peripheral signals: one fold of the training."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

CONFIG = {"num_classes": 3, "eeg": 10, "gsr": 1, "hidden": 16, "batch_size": 8, "epochs": 2, "lr": 1e-2}


class Trials(Dataset):
    def __init__(self, labels, length=64, seed=0):
        gen = torch.Generator().manual_seed(seed)
        self.labels = np.asarray(labels)
        self.eeg = torch.randn(len(labels), CONFIG["eeg"], length, generator=gen)
        self.gsr = torch.randn(len(labels), CONFIG["gsr"], length, generator=gen)
        self.gsr += torch.tensor(self.labels).view(-1, 1, 1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.eeg[i], self.gsr[i], int(self.labels[i])


class Branch(nn.Sequential):
    def __init__(self, channels, hidden):
        super().__init__(
            nn.Conv1d(channels, hidden, 5, stride=2), nn.BatchNorm1d(hidden), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()
        )


class FusionNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.eeg = Branch(cfg["eeg"], cfg["hidden"])
        self.gsr = Branch(cfg["gsr"], cfg["hidden"])
        self.out = nn.Linear(2 * cfg["hidden"], cfg["num_classes"])

    def forward(self, eeg, gsr):
        return self.out(torch.cat([self.eeg(eeg), self.gsr(gsr)], dim=1))


def class_weights(labels):
    distribution = np.unique(labels, return_counts=True)[1]
    print("training distribution", distribution.tolist())
    weights = distribution.sum() / (len(distribution) * distribution)
    return torch.tensor(weights, dtype=torch.float)


def train(cfg, data):
    torch.manual_seed(0)
    net = FusionNet(cfg)
    criterion = nn.CrossEntropyLoss(weight=class_weights(data.labels))
    optimizer = torch.optim.Adam(net.parameters(), lr=cfg["lr"])
    for epoch in range(cfg["epochs"]):
        for eeg, gsr, label in DataLoader(data, batch_size=cfg["batch_size"], shuffle=True):
            loss = criterion(net(eeg, gsr), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.3f}")


if __name__ == "__main__":
    subjects = {"s1": [0, 1, 1, 0, 0, 1, 0, 0], "s2": [1, 0, 1, 1, 0, 0, 1, 0], "s3": [2, 0, 2, 1, 0, 2, 1, 2]}
    held_out = "s3"
    labels = [label for name, rows in subjects.items() if name != held_out for label in rows]
    train(CONFIG, Trials(labels))
