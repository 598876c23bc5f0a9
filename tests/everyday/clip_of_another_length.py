"""A classifier of sounds whose layer counts on clips of one length; one recording is shorter."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Clips(Dataset):
    def __init__(self, lengths: list[int]) -> None:
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        wave = torch.randn(1, self.lengths[i])
        return wave, i % 2


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 8, 80, stride=16), nn.ReLU(), nn.MaxPool1d(4))
        self.fc = nn.Linear(8 * 61, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(x).flatten(1))


net = Net()
for wave, label in DataLoader(Clips([4000, 4000, 3000]), batch_size=1):
    print(nn.functional.cross_entropy(net(wave), label).item())
