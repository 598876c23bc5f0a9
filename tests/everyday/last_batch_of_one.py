import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
data = TensorDataset(torch.randn(65, 10), torch.randint(0, 2, (65,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model.train()
for _epoch in range(2):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
