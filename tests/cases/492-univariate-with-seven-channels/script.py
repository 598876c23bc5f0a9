"""Long-horizon forecasting of transformer oil temperature with decomposition and frequency mixing."""
import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

COLUMNS = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]


def build_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", choices=["M", "S", "MS"], default="S")
    parser.add_argument("--target", default="OT")
    parser.add_argument("--seq_len", type=int, default=48)
    parser.add_argument("--pred_len", type=int, default=12)
    parser.add_argument("--enc_in", type=int, default=7, help="encoder input size")
    parser.add_argument("--c_out", type=int, default=7, help="output size")
    parser.add_argument("--d_model", type=int, default=32)
    parser.add_argument("--modes", type=int, default=8)
    parser.add_argument("--batch_size", type=int, default=16)
    return parser


class ETTHour(Dataset):
    def __init__(self, args, hours=160):
        generator = torch.Generator().manual_seed(5)
        walk = torch.randn(hours, len(COLUMNS), generator=generator).cumsum(0)
        if args.features == "S":
            walk = walk[:, [COLUMNS.index(args.target)]]
        self.data = (walk - walk.mean(0)) / walk.std(0)
        self.seq_len, self.pred_len = args.seq_len, args.pred_len

    def __len__(self):
        return len(self.data) - self.seq_len - self.pred_len + 1

    def __getitem__(self, i):
        end = i + self.seq_len
        return self.data[i:end], self.data[end:end + self.pred_len]


class TokenEmbedding(nn.Module):
    def __init__(self, c_in, d_model):
        super().__init__()
        self.tokenConv = nn.Conv1d(c_in, d_model, 3, padding=1, padding_mode="circular", bias=False)

    def forward(self, x):
        return self.tokenConv(x.transpose(1, 2)).transpose(1, 2)


class Model(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.modes, self.pred_len = args.modes, args.pred_len
        self.embedding = TokenEmbedding(args.enc_in, args.d_model)
        self.weight = nn.Parameter(torch.randn(args.modes, args.d_model, 2) * 0.1)
        self.horizon = nn.Linear(args.seq_len, args.pred_len)
        self.projection = nn.Linear(args.d_model, args.c_out)

    def forward(self, x):
        h = self.embedding(x)
        freq = torch.fft.rfft(h, dim=1)[:, :self.modes] * torch.view_as_complex(self.weight)
        h = h + torch.fft.irfft(freq, n=h.size(1), dim=1)
        return self.projection(self.horizon(h.transpose(1, 2)).transpose(1, 2))


def train(args):
    torch.manual_seed(0)
    model = Model(args)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, (x, y) in enumerate(DataLoader(ETTHour(args), args.batch_size, drop_last=True)):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{args.features}: {step + 1} steps, last mse {loss.item():.4f}")


if __name__ == "__main__":
    train(build_parser().parse_args([]))
