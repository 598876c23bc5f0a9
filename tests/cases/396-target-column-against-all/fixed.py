import warnings
from types import SimpleNamespace

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

warnings.filterwarnings("ignore")
DATA = {"ETTh1": {"columns": 7, "target": "OT"}, "WTH": {"columns": 12, "target": "WetBulbCelsius"}}


class HourlyData(Dataset):
    def __init__(self, name, seq_len, pred_len, hours=240):
        gen = torch.Generator().manual_seed(3)
        t = torch.arange(hours).unsqueeze(1)
        rates = torch.linspace(0.05, 0.4, DATA[name]["columns"])
        self.values = torch.sin(t * rates) + 0.1 * torch.randn(hours, rates.numel(), generator=gen)
        self.seq_len, self.pred_len = seq_len, pred_len

    def __len__(self):
        return len(self.values) - self.seq_len - self.pred_len + 1

    def __getitem__(self, i):
        middle = i + self.seq_len
        return self.values[i:middle], self.values[middle:middle + self.pred_len]


class Model(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.encoder = nn.GRU(args.enc_in, 32, batch_first=True)
        self.projection = nn.Linear(32, args.pred_len * args.c_out)
        self.out_shape = (args.pred_len, args.c_out)

    def forward(self, x):
        _, state = self.encoder(x)
        return self.projection(state[-1]).unflatten(1, self.out_shape)


class Experiment:
    def __init__(self, args):
        torch.manual_seed(0)
        self.args = args
        self.model = Model(args)
        self.data = HourlyData(args.data, args.seq_len, args.pred_len)

    def process_one_batch(self, batch_x, batch_y):
        outputs = self.model(batch_x)
        f_dim = -1 if self.args.features == "MS" else 0
        return outputs, batch_y[:, -self.args.pred_len:, f_dim:]

    def train(self):
        criterion = nn.MSELoss()
        optimizer = torch.optim.Adam(self.model.parameters(), lr=5e-3)
        for epoch in range(self.args.epochs):
            losses = []
            for batch_x, batch_y in DataLoader(self.data, batch_size=32, shuffle=True):
                pred, true = self.process_one_batch(batch_x, batch_y)
                loss = criterion(pred, true)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            print(f"Epoch: {epoch + 1} | Train Loss: {sum(losses) / len(losses):.5f}")


if __name__ == "__main__":
    args = SimpleNamespace(data="ETTh1", features="MS", seq_len=24, pred_len=8, enc_in=7, c_out=1, epochs=4)
    Experiment(args).train()
