"""A checkpoint of a model in DataParallel, loaded without it."""

import io

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8, 16)
        self.fc2 = nn.Linear(16, 2)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def train():
    model = nn.DataParallel(Net())
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    return file


model = Net()
model.load_state_dict(torch.load(train()))
print(model(torch.randn(2, 8)).shape)
