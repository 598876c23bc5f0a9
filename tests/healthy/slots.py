import torch
from torch import nn


class SlotAttention(nn.Module):
    def __init__(self, slots=4, dim=16, iters=3):
        super().__init__()
        self.init = nn.Parameter(torch.randn(1, slots, dim))
        self.q, self.k, self.v = (nn.Linear(dim, dim) for _ in range(3))
        self.gru = nn.GRUCell(dim, dim)
        self.iters = iters

    def forward(self, x):
        b, _n, d = x.shape
        slots = self.init.expand(b, -1, -1)
        k, v = self.k(x), self.v(x)
        for _ in range(self.iters):
            att = (self.q(slots) @ k.transpose(1, 2) / d**0.5).softmax(dim=1) + 1e-8
            att = att / att.sum(dim=-1, keepdim=True)
            upd = att @ v
            slots = self.gru(upd.reshape(-1, d), slots.reshape(-1, d)).view(b, -1, d)
        return slots


torch.manual_seed(2)
model = SlotAttention()
with torch.no_grad():
    out = model(torch.randn(5, 30, 16))
print("slots", tuple(out.shape), round(out.norm().item(), 4))
