import torch


def rope(seq, head_dim, base=10000.0):
    inv = 1.0 / base ** (torch.arange(0, head_dim, 2).float() / head_dim)
    ang = torch.arange(seq).float()[:, None] * inv
    return ang.cos(), ang.sin()


def rotate_half(x):
    a, b = x.chunk(2, -1)
    return torch.cat((-b, a), -1)


def apply(q, cos, sin):
    return q * cos + rotate_half(q) * sin


q = torch.randn(2, 4, 6, 16)
cos, sin = rope(6, 16)
print(apply(q, cos, sin).shape)
