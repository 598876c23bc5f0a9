import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Scans(Dataset):
    def __init__(self, n):
        self.volumes = torch.rand(n, 48, 48)

    def __len__(self):
        return len(self.volumes)

    def __getitem__(self, i):
        scan = self.volumes[i]
        scan = (scan - scan.mean()) / scan.std()
        return scan, i % 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


net = Net()
for scans, labels in DataLoader(Scans(32), batch_size=8):
    loss = nn.functional.cross_entropy(net(scans), labels)
    loss.backward()
