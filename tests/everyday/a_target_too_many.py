import torch
from torch.utils.data import TensorDataset

series = torch.sin(torch.arange(200) / 10)
WINDOW = 20
x = torch.stack([series[i : i + WINDOW] for i in range(len(series) - WINDOW)])
y = series[WINDOW - 1 :]
train = TensorDataset(x, y)
print(len(train))
