import argparse

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--hidden", type=int, default=24)
parser.add_argument("--reviews", type=int, default=50)


class FrozenEncoder(nn.Module):
    """Contextual embeddings, not trained."""

    def __init__(self, vocab=60, dim=20):
        super().__init__()
        self.table = nn.Embedding(vocab, dim)
        self.mix = nn.Conv1d(dim, dim, 3, padding=1)
        self.requires_grad_(False)

    def forward(self, ids):
        return self.mix(self.table(ids).transpose(1, 2)).tanh().transpose(1, 2)


class LSTMClassifier(nn.Module):
    def __init__(self, batch_size, output_size, hidden_size, encoder):
        super().__init__()
        self.encoder = encoder
        self.batch_size = batch_size
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(20, hidden_size)
        self.label = nn.Linear(hidden_size, output_size)

    def initial_state(self, rows):
        shape = (1, rows, self.hidden_size)
        return torch.zeros(shape), torch.zeros(shape)

    def forward(self, sentence):
        embedded = self.encoder(sentence).permute(1, 0, 2)
        _, (final_hidden, _) = self.lstm(embedded, self.initial_state(embedded.size(1)))
        return self.label(final_hidden[-1])


def reviews(n):
    gen = torch.Generator().manual_seed(4)
    ids = torch.randint(0, 60, (n, 14), generator=gen)
    return TensorDataset(ids, (ids < 20).sum(1).clamp(max=5) // 2)


def evaluate(model, loader):
    model.eval()
    hits = 0
    with torch.no_grad():
        for ids, label in loader:
            hits += int((model(ids).argmax(1) == label).sum())
    return hits / len(loader.dataset)


def main():
    args = parser.parse_args([])
    torch.manual_seed(0)
    loader = DataLoader(reviews(args.reviews), args.batch_size)
    model = LSTMClassifier(args.batch_size, 3, args.hidden, FrozenEncoder())
    opt = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-2)
    for epoch in range(2):
        model.train()
        for i, (ids, label) in enumerate(loader):
            loss = nn.functional.cross_entropy(model(ids), label)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {epoch} loss {loss.item():.3f} acc {evaluate(model, loader):.3f}")


main()
