import torch
from torch import nn


class Attention(nn.Module):
    def __init__(
        self,
        hidden,
        heads,
    ):
        super().__init__()
        self.heads = heads
        self.head_dim = hidden // heads
        self.q = nn.Linear(hidden, hidden)

    def forward(self, x):
        b, t, c = x.shape
        q = self.q(x).view(
            b,
            t,
            self.heads,
            self.head_dim,
        )
        return q


def build(
    hidden,
    heads=4,
):
    return Attention(
        hidden,
        heads=heads,
    )


model = build(
    hidden=64,
    heads=5,
)
print(model(torch.randn(2, 3, 64)).shape)
