import torch
from torch import nn


class CrossAttention(nn.Module):
    def __init__(self, dim=96, heads=6):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x, context):
        q = self.to_q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k = self.to_k(context).view(context.size(0), context.size(1), self.heads, -1)
        return torch.einsum("bhid,bhjd->bhij", q, k)


CrossAttention()(torch.randn(2, 64, 96), torch.randn(2, 11, 96))
