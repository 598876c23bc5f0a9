import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Settings:
    window: int = 24
    batch_size: int = 32
    hidden: int = 20
    layers: int = 2
    epochs: int = 2
    lr: float = 5e-3


def hourly_load(hours):
    t = torch.arange(hours, dtype=torch.float)
    daily = torch.sin(2 * math.pi * t / 24)
    weekly = 0.4 * torch.sin(2 * math.pi * t / 168)
    return daily + weekly + 0.05 * torch.randn(hours)


def windows(series, width):
    x = series.unfold(0, width, 1)[:-1]
    return TensorDataset(x.unsqueeze(-1), series[width:].unsqueeze(-1))


class LoadForecaster(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.lstm = nn.LSTM(1, s.hidden, s.layers, batch_first=True, dropout=0.1)
        self.out = nn.Linear(s.hidden, 1)

    def fresh_state(self, rows):
        shape = (self.s.layers, rows, self.s.hidden)
        return torch.zeros(shape), torch.zeros(shape)

    def forward(self, x, state):
        y, state = self.lstm(x, state)
        return self.out(y[:, -1]), state


def epoch(model, loader, loss_fn, optimizer=None):
    model.train(optimizer is not None)
    total = 0.0
    for x, y in loader:
        prediction, _ = model(x, model.fresh_state(len(x)))
        loss = loss_fn(prediction, y)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


def main():
    torch.manual_seed(0)
    s = Settings()
    series = hourly_load(24 + 320 + 100)
    train, valid = series[:24 + 320], series[320:]
    loaders = [DataLoader(windows(part, s.window), batch_size=s.batch_size) for part in (train, valid)]
    model = LoadForecaster(s)
    adam = torch.optim.Adam(model.parameters(), lr=s.lr)
    for e in range(s.epochs):
        fit = epoch(model, loaders[0], nn.MSELoss(), adam)
        print(f"epoch {e} train mse {fit:.4f}")
        with torch.no_grad():
            print(f"epoch {e} valid mse {epoch(model, loaders[1], nn.MSELoss()):.4f}")


if __name__ == "__main__":
    main()
