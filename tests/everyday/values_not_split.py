import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.d_k = heads, d // heads
        self.q, self.k, self.v = (nn.Linear(d, d) for _ in range(3))

    def split(self, x):
        n, t, _d = x.shape
        return x.view(n, t, self.heads, self.d_k).transpose(1, 2).reshape(n * self.heads, t, self.d_k)

    def forward(self, q, kv):
        q, k, v = self.split(self.q(q)), self.split(self.k(kv)), self.v(kv)
        w = torch.bmm(q, k.transpose(1, 2)).softmax(-1)
        return torch.bmm(w, v)


print(Attention(16, 4)(torch.rand(2, 5, 16), torch.rand(2, 7, 16)).shape)
