import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class LoadCurves(Dataset):
    """Hourly load of a few substations."""

    def __init__(self, series, seq_len, pred_len):
        self.series, self.seq_len, self.pred_len = series, seq_len, pred_len

    def __len__(self):
        return len(self.series) - self.seq_len - self.pred_len + 1

    def __getitem__(self, i):
        mid = i + self.seq_len
        return self.series[i:mid], self.series[mid : mid + self.pred_len]


class NLinear(nn.Module):
    def __init__(self, seq_len, channels, horizon=24):
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(seq_len, horizon) for _ in range(channels))

    def forward(self, x):
        last = x[:, -1:, :]
        x = x - last
        out = torch.stack([m(x[..., c]) for c, m in enumerate(self.maps)], dim=-1)
        return out + last


def make_series(hours, channels):
    t = torch.arange(hours).float()
    cols = [torch.sin(2 * math.pi * t / 24 + c) + 0.1 * torch.randn(hours) for c in range(channels)]
    return torch.stack(cols, dim=1)


def parse(argv):
    p = argparse.ArgumentParser()
    p.add_argument("--seq-len", type=int, default=96)
    p.add_argument("--pred-len", type=int, default=48)
    p.add_argument("--batch-size", type=int, default=32)
    return p.parse_args(argv)


def main(argv=()):
    args = parse(list(argv))
    torch.manual_seed(0)
    data = LoadCurves(make_series(400, 3), args.seq_len, args.pred_len)
    model = NLinear(args.seq_len, channels=3)
    criterion = nn.L1Loss()
    opt = torch.optim.Adam(model.parameters(), lr=1e-2)
    for x, y in DataLoader(data, batch_size=args.batch_size, shuffle=True):
        loss = criterion(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("last mae %.3f" % loss.item())


main()
