"""Sentiment of product reviews with an LSTM; the state goes from batch to batch."""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WORDS = ["great", "love", "works", "perfect", "bad", "broken", "refund", "awful", "the", "it", "item", "box"]
SETTINGS = {"rows": 180, "length": 12, "batch_size": 20, "split": (120, 36, 24), "hidden": 24, "layers": 2}


def encode_reviews(rows, length, seed=5):
    rng = random.Random(seed)
    reviews, labels = [], []
    for _ in range(rows):
        good = rng.random() < 0.5
        tone = range(1, 5) if good else range(5, 9)
        words = [rng.choice(tone) if rng.random() < 0.4 else rng.randint(9, 12) for _ in range(rng.randint(4, length))]
        reviews.append([0] * (length - len(words)) + words)
        labels.append(float(good))
    return torch.tensor(reviews), torch.tensor(labels)


def make_loaders(settings):
    inputs, labels = encode_reviews(settings["rows"], settings["length"])
    parts = zip(inputs.split(settings["split"]), labels.split(settings["split"]))
    return [DataLoader(TensorDataset(x, y), batch_size=settings["batch_size"]) for x, y in parts]


class SentimentNet(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.layers, self.hidden = settings["layers"], settings["hidden"]
        self.embedding = nn.Embedding(len(WORDS) + 1, 16)
        self.lstm = nn.LSTM(16, self.hidden, self.layers, batch_first=True)
        self.fc = nn.Linear(self.hidden, 1)

    def forward(self, x, hidden):
        out, hidden = self.lstm(self.embedding(x), hidden)
        return self.fc(out[:, -1]).squeeze(-1), hidden

    def init_hidden(self, batch_size):
        weight = next(self.parameters())
        return tuple(weight.new_zeros(self.layers, batch_size, self.hidden) for _ in range(2))


def run_epoch(model, loader, batch_size, criterion, optimizer=None):
    h, losses = model.init_hidden(batch_size), []
    for inp, lab in loader:
        h = model.init_hidden(len(inp))
        out, h = model(inp, h)
        loss = criterion(out, lab)
        if optimizer is not None:
            optimizer.zero_grad(); loss.backward(); optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main():
    torch.manual_seed(0)
    train, val, test = make_loaders(SETTINGS)
    model, criterion = SentimentNet(SETTINGS), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(2):
        loss = run_epoch(model, train, SETTINGS["batch_size"], criterion, optimizer)
        print(f"epoch {epoch} train loss {loss:.3f}")
        with torch.no_grad():
            print(f"epoch {epoch} val loss {run_epoch(model, val, SETTINGS['batch_size'], criterion):.3f}")


main()
