"""Forecasts of a small encoder-decoder, collected over a loader together with their decoder windows."""
import math
from collections import namedtuple

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

Forecast = namedtuple("Forecast", "prediction target")


class Windows(Dataset):
    def __init__(self, series, encoder_length, prediction_length):
        self.series = series
        self.encoder_length, self.prediction_length = encoder_length, prediction_length
        total = encoder_length + prediction_length
        self.index = [(s, t) for s in range(len(series)) for t in range(0, series.size(1) - total + 1, 4)]

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        s, t = self.index[i]
        middle = t + self.encoder_length
        return self.series[s, t:middle], self.series[s, middle:middle + self.prediction_length]


class Forecaster(nn.Module):
    def __init__(self, prediction_length, width=24):
        super().__init__()
        self.encoder = nn.GRU(1, width, batch_first=True)
        self.head = nn.Linear(width, prediction_length)

    def forward(self, history):
        _, state = self.encoder(history.unsqueeze(-1))
        return self.head(state[-1])


def concat_sequences(sequences):
    first = sequences[0]
    if isinstance(first, nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    if isinstance(first, torch.Tensor):
        return torch.cat(sequences, dim=0)
    return tuple(concat_sequences([s[i] for s in sequences]) for i in range(len(first)))


def fit(model, loader, epochs=3):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(epochs):
        total = 0.0
        for history, future in loader:
            loss = nn.functional.l1_loss(model(history), future)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: mae {total / len(loader):.3f}")


@torch.no_grad()
def predict(model, loader):
    outputs = []
    for history, future in loader:
        outputs.append((model(history), future))
    return Forecast(*concat_sequences(outputs))


def main():
    torch.manual_seed(42)
    t = torch.arange(60.0)
    phases = torch.linspace(0, math.pi, 3).unsqueeze(1)
    series = torch.sin(2 * math.pi * t / 10 + phases) + 0.05 * torch.randn(3, 60)
    data = Windows(series, encoder_length=20, prediction_length=5)
    model = Forecaster(prediction_length=5)
    fit(model, DataLoader(data, batch_size=8, shuffle=True))
    result = predict(model, DataLoader(data, batch_size=8))
    error = (result.prediction - result.target).abs().mean(0)
    print("windows", len(result.prediction), "mae by horizon", [round(e, 3) for e in error.tolist()])


if __name__ == "__main__":
    main()
