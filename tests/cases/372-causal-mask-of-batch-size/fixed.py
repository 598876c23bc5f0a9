"""Hourly load forecasting with a causal transformer encoder."""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CONFIG = {"window": 24, "features": 3, "d_model": 16, "nhead": 4, "layers": 2, "batch_size": 8, "epochs": 2, "lr": 3e-3}


def make_series(hours=200):
    t = torch.arange(hours, dtype=torch.float32)
    load = torch.sin(t * 2 * math.pi / 24) + 0.1 * torch.randn(hours)
    return torch.stack([load, torch.sin(t * 2 * math.pi / 168), (t % 24 >= 8).float()], dim=1)


def make_windows(series, window):
    inputs = torch.stack([series[i:i + window] for i in range(0, len(series) - window - 1, 4)])
    targets = torch.stack([series[i + 1:i + window + 1, 0] for i in range(0, len(series) - window - 1, 4)])
    return TensorDataset(inputs, targets)


class Forecaster(nn.Module):
    def __init__(self, features, d_model, nhead, layers, window):
        super().__init__()
        self.embed = nn.Linear(features, d_model)
        self.position = nn.Parameter(0.02 * torch.randn(1, window, d_model))
        layer = nn.TransformerEncoderLayer(d_model, nhead, 4 * d_model, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d_model, 1)

    def causal_mask(self, x):
        return nn.Transformer.generate_square_subsequent_mask(x.size(1))

    def forward(self, x):
        h = self.embed(x) + self.position
        h = self.encoder(h, mask=self.causal_mask(h))
        return self.head(h).squeeze(-1)


def fit(model, loader, cfg):
    optimiser = torch.optim.Adam(model.parameters(), lr=cfg["lr"])
    for epoch in range(cfg["epochs"]):
        total = 0.0
        for x, y in loader:
            loss = nn.functional.mse_loss(model(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(x)
        print(f"epoch {epoch} mse {total / len(loader.dataset):.4f}")


def main(cfg):
    torch.manual_seed(1)
    dataset = make_windows(make_series(), cfg["window"])
    print("windows", len(dataset))
    model = Forecaster(cfg["features"], cfg["d_model"], cfg["nhead"], cfg["layers"], cfg["window"])
    fit(model, DataLoader(dataset, batch_size=cfg["batch_size"], shuffle=True, drop_last=True), cfg)


if __name__ == "__main__":
    main(CONFIG)
