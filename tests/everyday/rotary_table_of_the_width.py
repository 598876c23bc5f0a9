import torch


def rope_tables(seq, dim):
    inv = 1.0 / 10000 ** (torch.arange(0, dim, 2) / dim)
    f = torch.outer(torch.arange(seq), inv)
    return torch.cat([f, f], -1).cos(), torch.cat([f, f], -1).sin()


def rotate_half(x):
    a, b = x.chunk(2, -1)
    return torch.cat([-b, a], -1)


def apply(q, cos, sin):
    return q * cos + rotate_half(q) * sin


hidden, heads, seq = 64, 4, 6
cos, sin = rope_tables(seq, hidden)
q = torch.rand(2, heads, seq, hidden // heads)
print(apply(q, cos, sin).shape)
