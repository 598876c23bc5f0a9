"""Predict the next sensor reading from a window of past readings."""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split


@dataclass
class Settings:
    window: int = 12
    features: int = 2
    hidden_dim: int = 32
    depth: int = 1
    batch_size: int = 16
    epochs: int = 2


class Windows(Dataset):
    def __init__(self, steps, window):
        t = torch.arange(steps, dtype=torch.float32)
        self.series = torch.stack([torch.sin(t * math.pi / 9), torch.cos(t * math.pi / 7)], dim=1)
        self.window = window

    def __len__(self):
        return len(self.series) - self.window

    def __getitem__(self, i):
        return self.series[i:i + self.window], self.series[i + self.window, 0]


class StatelessLSTM(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.lstm = nn.LSTM(s.features, s.hidden_dim, s.depth, batch_first=True)
        self.head = nn.Linear(s.hidden_dim, 1)
        self.reset()

    def reset(self, rows=1):
        shape = (self.s.depth, rows, self.s.hidden_dim)
        self.state = (torch.zeros(shape), torch.zeros(shape))

    def forward(self, x):
        self.reset(len(x))
        out, self.state = self.lstm(x, self.state)
        return self.head(out[:, -1]).squeeze(-1)


class Runner:
    def __init__(self, s):
        torch.manual_seed(0)
        self.s, self.model = s, StatelessLSTM(s)
        data = Windows(steps=111, window=s.window)
        train, valid = random_split(data, [64, len(data) - 64], generator=torch.Generator().manual_seed(1))
        self.train_loader = DataLoader(train, batch_size=s.batch_size, shuffle=True)
        self.valid_loader = DataLoader(valid, batch_size=s.batch_size)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)

    def train_epoch(self):
        for x, y in self.train_loader:
            loss = nn.functional.mse_loss(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        errors = [(self.model(x) - y).abs() for x, y in self.valid_loader]
        return torch.cat(errors).mean().item()


if __name__ == "__main__":
    settings = Settings()
    runner = Runner(settings)
    for epoch in range(settings.epochs):
        print(f"epoch {epoch}: train {runner.train_epoch():.4f}")
        print(f"epoch {epoch}: valid {runner.validate():.4f}")
