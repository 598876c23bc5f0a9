import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def predict(model, loader):
    preds = []
    for (x,) in loader:
        with torch.no_grad():
            preds.append(model(x).argmax(dim=1))
    return torch.stack(preds)


data = TensorDataset(torch.randn(70, 8))
loader = DataLoader(data, batch_size=32)
model = nn.Linear(8, 3)
print(predict(model, loader).shape)
