"""Forecast the oil temperature from seven load columns, report the error in degrees."""
import argparse

import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--features", default="MS", choices=["M", "S", "MS"])
parser.add_argument("--seq_len", type=int, default=24)
parser.add_argument("--pred_len", type=int, default=6)
parser.add_argument("--enc_in", type=int, default=7)
parser.add_argument("--inverse", type=int, default=1)


class StandardScaler:
    def fit(self, data):
        self.mean_, self.scale_ = data.mean(0), data.std(0)
        return self

    def transform(self, data):
        return (data - self.mean_) / self.scale_

    def inverse_transform(self, data):
        return data.clone().mul_(self.scale_).add_(self.mean_)


class ETTDataset:
    def __init__(self, args, length=160):
        gen = torch.Generator().manual_seed(1)
        raw = torch.randn(length, args.enc_in, generator=gen).cumsum(0) + 10 * torch.arange(args.enc_in)
        self.args = args
        self.scaler = StandardScaler().fit(raw[:100])
        self.data = self.scaler.transform(raw)

    def windows(self, start, stop):
        a = self.args
        for i in range(start, stop - a.seq_len - a.pred_len, a.pred_len):
            cut = i + a.seq_len
            yield self.data[i:cut], self.data[cut:cut + a.pred_len]

    def inverse_transform(self, data):
        return self.scaler.inverse_transform(data)


class ExpForecast:
    def __init__(self, args):
        self.args, self.data = args, ETTDataset(args)
        self.model = nn.Linear(args.seq_len, args.pred_len)
        self.f_dim = -1 if args.features == "MS" else 0

    def train(self):
        optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)
        for x, y in self.data.windows(0, 100):
            loss = (self.model(x.t()).t() - y)[:, self.f_dim:].pow(2).mean()
            optimizer.zero_grad(); loss.backward(); optimizer.step()
        print(f"train loss {loss.item():.3f}")

    @torch.no_grad()
    def test(self):
        errors = []
        for x, y in self.data.windows(100, 160):
            outputs = self.model(x.t()).t()
            if self.args.inverse:
                outputs = self.data.inverse_transform(outputs)
                y = self.data.inverse_transform(y)
            outputs, batch_y = outputs[:, self.f_dim:], y[:, self.f_dim:]
            errors.append((outputs - batch_y).abs().mean())
        print(f"test mae {torch.stack(errors).mean():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    exp = ExpForecast(parser.parse_args([]))
    exp.train()
    exp.test()
