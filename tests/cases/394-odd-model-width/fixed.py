"""Long-term forecasting experiment with an encoder over embedded windows."""
import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class PositionalEmbedding(nn.Module):
    def __init__(self, d_model, max_len=500):
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(max_len).float().unsqueeze(1)
        div_term = (torch.arange(0, d_model, 2).float() * -(math.log(10000.0) / d_model)).exp()
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term[:d_model // 2])
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        return self.pe[:, :x.size(1)]


class DataEmbedding(nn.Module):
    def __init__(self, c_in, d_model):
        super().__init__()
        self.value_embedding = nn.Conv1d(c_in, d_model, 3, padding=1, padding_mode="circular")
        self.position_embedding = PositionalEmbedding(d_model)

    def forward(self, x):
        return self.value_embedding(x.transpose(1, 2)).transpose(1, 2) + self.position_embedding(x)


class Forecaster(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.embedding = DataEmbedding(args.enc_in, args.d_model)
        self.mixer = nn.GRU(args.d_model, args.d_model * args.expand, batch_first=True)
        self.projection = nn.Linear(args.d_model * args.expand, args.c_out * args.pred_len)
        self.shape = (args.pred_len, args.c_out)

    def forward(self, x):
        out, _ = self.mixer(self.embedding(x))
        return self.projection(out[:, -1]).unflatten(1, self.shape)


def windows(args, steps=160):
    t = torch.arange(steps).float().unsqueeze(1)
    series = torch.sin(t * torch.linspace(0.1, 0.5, args.enc_in))
    span = args.seq_len + args.pred_len
    cut = series.unfold(0, span, 4).transpose(1, 2)
    return TensorDataset(cut[:, :args.seq_len], cut[:, args.seq_len:])


def get_args(argv):
    parser = argparse.ArgumentParser()
    for name, value in dict(seq_len=24, pred_len=6, enc_in=7, c_out=7, d_model=16, expand=2, epochs=2).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args(argv)


if __name__ == "__main__":
    torch.manual_seed(0)
    args = get_args(["--d_model", "7", "--epochs", "3"])
    model = Forecaster(args)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for epoch in range(args.epochs):
        for x, y in DataLoader(windows(args), batch_size=8, shuffle=True):
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "mse", round(loss.item(), 4))
