import torch

a = torch.randn(6, 1)
b = torch.randn(6)
nearest = (a - b).abs().min(dim=1)
print(nearest.values.shape)
points, centers = torch.randn(6, 2), torch.randn(6, 2)
d = ((points[:, None] - centers[None]) ** 2).sum(-1)
print(d.argmin(1))
