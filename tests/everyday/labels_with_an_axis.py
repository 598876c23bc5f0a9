import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
data = torch.utils.data.TensorDataset(torch.rand(40, 20), torch.randint(0, 5, (40, 1)))
loader = torch.utils.data.DataLoader(data, batch_size=8)
criterion = nn.CrossEntropyLoss()
for x, y in loader:
    loss = criterion(model(x), y)
    loss.backward()
