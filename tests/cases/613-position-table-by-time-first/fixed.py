import math

import torch
from torch import nn


def weekly_cases(weeks=160):
    """A seasonal series with two regions."""
    t = torch.arange(weeks, dtype=torch.float)
    season = torch.stack([torch.sin(2 * math.pi * t / 52), torch.cos(2 * math.pi * (t - 6) / 52)], dim=1)
    return season + 0.05 * torch.randn(weeks, 2, generator=torch.Generator().manual_seed(0))


class PositionalEncoder(nn.Module):
    def __init__(self, d_model, max_seq_len=400, dropout=0.1, batch_first=False):
        super().__init__()
        self.x_dim = 1 if batch_first else 0
        self.dropout = nn.Dropout(dropout)
        position = torch.arange(max_seq_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_seq_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        pe = self.pe[: x.size(self.x_dim)]
        x = x + (pe.transpose(0, 1) if self.x_dim == 1 else pe)
        return self.dropout(x)


class Forecaster(nn.Module):
    def __init__(self, n_features=2, d_model=32, heads=4, batch_first=True):
        super().__init__()
        self.batch_first = batch_first
        self.enc_in, self.dec_in = nn.Linear(n_features, d_model), nn.Linear(n_features, d_model)
        self.positions = PositionalEncoder(d_model, batch_first=batch_first)
        self.transformer = nn.Transformer(
            d_model, heads, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=64, batch_first=batch_first
        )
        self.head = nn.Linear(d_model, n_features)

    def forward(self, src, tgt):
        causal = self.transformer.generate_square_subsequent_mask(tgt.size(1 if self.batch_first else 0))
        memory_in = self.positions(self.enc_in(src))
        return self.head(self.transformer(memory_in, self.dec_in(tgt), tgt_mask=causal))


def windows(series, past, future):
    for start in range(len(series) - past - future):
        piece = series[start:start + past + future]
        yield piece[:past], piece[past - 1:-1], piece[past:]


def batches(series, past, future, size, batch_first):
    rows = list(windows(series, past, future))
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1)).tolist()
    for at in range(0, len(order) - size + 1, size):
        picked = [rows[i] for i in order[at:at + size]]
        yield [torch.stack(part, dim=0 if batch_first else 1) for part in zip(*picked)]


def fit(batch_first, past=24, future=4, size=16):
    torch.manual_seed(0)
    model = Forecaster(batch_first=batch_first)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(2):
        total = 0.0
        for src, tgt, gold in batches(weekly_cases(), past, future, size, batch_first):
            loss = nn.functional.mse_loss(model(src, tgt), gold)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"batch_first={batch_first} epoch {epoch} loss {total:.3f}")


for setting in (False, True):
    fit(setting)
