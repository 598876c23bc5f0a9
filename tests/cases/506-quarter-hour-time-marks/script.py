from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

TIME_FEATURES = {"h": ("hour", "weekday", "day", "yearday"), "t": ("minute", "hour", "weekday", "day", "yearday")}


@dataclass
class Args:
    seq_len: int = 24
    pred_len: int = 8
    enc_in: int = 7
    d_model: int = 16
    freq: str = "h"


def time_marks(stamps, freq):
    minutes = stamps.astype("datetime64[m]").astype(np.int64)
    days = minutes // 1440
    columns = {"minute": minutes % 60 / 59, "hour": minutes // 60 % 24 / 23, "weekday": (days + 3) % 7 / 6,
               "day": days % 30 / 29, "yearday": days % 365 / 364}
    return np.stack([columns[name] - 0.5 for name in TIME_FEATURES[freq]], axis=1).astype(np.float32)


class OilTemperature(Dataset):
    def __init__(self, args, rows=60, freq="t"):
        rng = np.random.default_rng(0)
        stamps = np.datetime64("2016-07-01T00:00") + np.arange(rows) * np.timedelta64(15, "m")
        self.values = rng.normal(size=(rows, args.enc_in)).cumsum(0).astype(np.float32)
        self.marks = time_marks(stamps, freq)
        self.seq_len, self.pred_len = args.seq_len, args.pred_len

    def __len__(self):
        return len(self.values) - self.seq_len - self.pred_len + 1

    def __getitem__(self, i):
        mid = i + self.seq_len
        return self.values[i:mid], self.marks[i:mid], self.values[mid:mid + self.pred_len]


class DataEmbedding(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.value = nn.Conv1d(args.enc_in, args.d_model, 3, padding=1, padding_mode="circular")
        self.temporal = nn.Linear(len(TIME_FEATURES[args.freq]), args.d_model)

    def forward(self, x, x_mark):
        return self.value(x.transpose(1, 2)).transpose(1, 2) + self.temporal(x_mark)


class Forecaster(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.embedding = DataEmbedding(args)
        self.encoder = nn.TransformerEncoderLayer(args.d_model, 2, 32, dropout=0.0, batch_first=True)
        self.project = nn.Linear(args.seq_len, args.pred_len)
        self.out = nn.Linear(args.d_model, args.enc_in)

    def forward(self, x, x_mark):
        h = self.encoder(self.embedding(x, x_mark)).transpose(1, 2)
        return self.out(self.project(h).transpose(1, 2))


if __name__ == "__main__":
    torch.manual_seed(0)
    args = Args()
    data, model = OilTemperature(args), Forecaster(args)
    print("windows", len(data))
    optim = torch.optim.Adam(model.parameters(), lr=1e-3)
    for i, (x, x_mark, y) in enumerate(DataLoader(data, batch_size=4)):
        loss = nn.functional.mse_loss(model(x, x_mark), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"iter {i} mse {loss.item():.3f}")
