import torch
import torch.nn as nn
import torch.nn.functional as F


def index_points(points, idx):
    batch_indices = torch.arange(len(points)).view([-1] + [1] * (idx.dim() - 1)).expand_as(idx)
    return points[batch_indices, idx, :]


def farthest_point_sample(xyz, npoint):
    B, N, C = xyz.shape
    centroids = torch.zeros(B, npoint, dtype=torch.long)
    distance = torch.ones(B, N) * 1e10
    farthest = torch.randint(0, N, (B,), dtype=torch.long)
    batch_indices = torch.arange(B, dtype=torch.long)
    for i in range(npoint):
        centroids[:, i] = farthest
        centroid = xyz[batch_indices, farthest, :].view(B, 1, 3)
        dist = torch.sum((xyz - centroid) ** 2, -1)
        distance = torch.minimum(distance, dist)
        farthest = torch.max(distance, -1)[1]
    return centroids


class SetAbstraction(nn.Module):
    def __init__(self, npoint, nsample, in_channel, mlp):
        super().__init__()
        self.npoint, self.nsample = npoint, nsample
        self.mlp = nn.Sequential(nn.Conv2d(in_channel, mlp[0], 1), nn.ReLU(), nn.Conv2d(mlp[0], mlp[1], 1), nn.ReLU())

    def forward(self, xyz, points):
        new_xyz = index_points(xyz, farthest_point_sample(xyz, self.npoint))
        idx = torch.cdist(new_xyz, xyz).topk(self.nsample, largest=False)[1]
        new_points = index_points(xyz, idx) - new_xyz.unsqueeze(2)
        new_points = torch.cat([new_points, index_points(points, idx)], dim=-1)
        new_points = self.mlp(new_points.permute(0, 3, 1, 2))
        return new_xyz, new_points.max(3)[0].permute(0, 2, 1)


class PointNet2Cls(nn.Module):
    def __init__(self, num_class):
        super().__init__()
        self.sa1 = SetAbstraction(32, 8, 3 + 3, [16, 16])
        self.sa2 = SetAbstraction(8, 8, 16 + 3, [32, 32])
        self.fc = nn.Linear(32, num_class)

    def forward(self, xyz):
        l1_xyz, l1_points = self.sa1(xyz, xyz)
        _, l2_points = self.sa2(l1_xyz, l1_points)
        return self.fc(l2_points.max(1)[0])


def sample_shape(kind, n=128):
    xyz = torch.randn(n, 3)
    return F.normalize(xyz, dim=1) if kind == 0 else xyz.clamp(-0.6, 0.6)


def read_scan(text):
    return torch.tensor([[float(v) for v in line.split()] for line in text.splitlines()])


torch.manual_seed(0)
model = PointNet2Cls(2)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(60):
    labels = torch.randint(0, 2, (8,))
    loss = F.cross_entropy(model(torch.stack([sample_shape(int(k)) for k in labels])), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("train loss", round(loss.item(), 4))
scan = "\n".join(" ".join(f"{v:.4f}" for v in p) for p in sample_shape(0).tolist())
print("scan class", model(read_scan(scan).unsqueeze(0)).argmax(1).item())
