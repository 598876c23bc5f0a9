from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class Task:
    d_feat: int = 20
    step_len: int = 10
    n_chans: int = 16
    num_layers: int = 2
    kernel_size: int = 3
    batch_size: int = 32


class TSDataSampler(Dataset):
    def __init__(self, table, step_len):
        self.table, self.step_len = table, step_len

    def __len__(self):
        return len(self.table) - self.step_len + 1

    def __getitem__(self, i):
        return self.table[i:i + self.step_len]


class TemporalBlock(nn.Module):
    def __init__(self, c_in, c_out, kernel_size, dilation):
        super().__init__()
        self.chomp = (kernel_size - 1) * dilation
        self.conv = nn.Conv1d(c_in, c_out, kernel_size, padding=self.chomp, dilation=dilation)
        self.skip = nn.Conv1d(c_in, c_out, 1)

    def forward(self, x):
        out = torch.relu(self.conv(x)[:, :, :-self.chomp])
        return torch.relu(out + self.skip(x))


class TCNModel(nn.Module):
    def __init__(self, task):
        super().__init__()
        widths = [task.d_feat] + [task.n_chans] * task.num_layers
        self.tcn = nn.Sequential(*[TemporalBlock(a, b, task.kernel_size, 2 ** i)
                                   for i, (a, b) in enumerate(zip(widths, widths[1:]))])
        self.linear = nn.Linear(task.n_chans, 1)

    def forward(self, x):
        return self.linear(self.tcn(x)[:, :, -1]).squeeze(-1)


def train_epoch(model, loader, optimizer):
    losses = []
    for data in loader:
        feature = data[:, :, 0:-1].transpose(1, 2)
        label = data[:, -1, -1]
        loss = ((model(feature) - label) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    torch.manual_seed(0)
    task = Task()
    table = torch.randn(140, task.d_feat + 1)
    loader = DataLoader(TSDataSampler(table, task.step_len), batch_size=task.batch_size, shuffle=True)
    model = TCNModel(task)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("windows", len(loader.dataset))
    for epoch in range(2):
        print("epoch", epoch, "train", round(train_epoch(model, loader, optimizer), 4))
