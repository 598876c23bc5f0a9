import torch
from torch import nn


class SR(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.head = nn.Conv2d(3, 32, 3, padding=1)
        self.up = nn.Conv2d(32, 3 * scale, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x):
        return self.shuffle(self.up(torch.relu(self.head(x))))


model = SR(3)
low = torch.rand(2, 3, 24, 24)
high = torch.rand(2, 3, 72, 72)
print(nn.functional.l1_loss(model(low), high))
