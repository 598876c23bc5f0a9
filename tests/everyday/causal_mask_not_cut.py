import torch
import torch.nn.functional as F
from torch import nn


class Head(nn.Module):
    def __init__(self, d, block_size):
        super().__init__()
        self.qkv = nn.Linear(d, 3 * d)
        self.register_buffer("tril", torch.tril(torch.ones(block_size, block_size)))

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        w = q @ k.transpose(-2, -1)
        w = w.masked_fill(self.tril == 0, float("-inf"))
        return F.softmax(w, -1) @ v


print(Head(16, 32)(torch.rand(2, 20, 16)).shape)
