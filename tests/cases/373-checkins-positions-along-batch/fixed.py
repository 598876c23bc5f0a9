"""Next point-of-interest from check-in trajectories."""
import math
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

N_POIS, PAD, IGNORE = 30, 0, -100


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=100):
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        return x + self.pe[:, :x.size(1)]


class TrajectoryModel(nn.Module):
    def __init__(self, d_model=24, nhead=3, nlayers=2):
        super().__init__()
        self.poi_embed = nn.Embedding(N_POIS, d_model, padding_idx=PAD)
        self.pos_encoder = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, 48, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, nlayers, enable_nested_tensor=False)
        self.decoder = nn.Linear(d_model, N_POIS)

    def forward(self, seq):
        mask = nn.Transformer.generate_square_subsequent_mask(seq.size(1))
        x = self.pos_encoder(self.poi_embed(seq))
        return self.decoder(self.encoder(x, mask=mask))


def make_trajectories(n, seed=0):
    rng = random.Random(seed)
    for _ in range(n):
        start, length = rng.randrange(1, N_POIS), rng.randrange(5, 13)
        yield [(start + i * i - 1) % (N_POIS - 1) + 1 for i in range(length)]


def collate(batch):
    inputs = pad_sequence([torch.tensor(t[:-1]) for t in batch], batch_first=True, padding_value=PAD)
    labels = pad_sequence([torch.tensor(t[1:]) for t in batch], batch_first=True, padding_value=IGNORE)
    return inputs, labels


def train(epochs=4):
    torch.manual_seed(0)
    model = TrajectoryModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss(ignore_index=IGNORE)
    loader = DataLoader(list(make_trajectories(96)), batch_size=16, shuffle=True, collate_fn=collate)
    for epoch in range(epochs):
        losses = []
        for inputs, labels in loader:
            loss = criterion(model(inputs).flatten(0, 1), labels.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.3f}")


if __name__ == "__main__":
    train()
