import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BATCH = 32


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1)
        self.out = nn.Linear(4 * 20, 2)

    def forward(self, x):
        h = self.conv(x.unsqueeze(1))
        return self.out(h.view(BATCH, -1))


net = Net()
for x, y in DataLoader(TensorDataset(torch.randn(100, 20), torch.randint(0, 2, (100,))), batch_size=BATCH):
    print(nn.functional.cross_entropy(net(x), y).item())
