"""Deform a mesh by scoring a small cloud of hypothesis points around every vertex."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def normalized_adjacency(edges, n):
    adj = torch.zeros(n, n)
    adj[edges[:, 0], edges[:, 1]] = 1.0
    adj[edges[:, 1], edges[:, 0]] = 1.0
    return adj / adj.sum(1, keepdim=True).clamp(min=1)


class LocalGConv(nn.Module):
    def __init__(self, in_features, out_features, adj_mat, act=F.relu):
        super().__init__()
        self.act = act
        self.adj_mat = nn.Parameter(adj_mat, requires_grad=False)
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.loop_weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)
        nn.init.xavier_uniform_(self.loop_weight)

    def forward(self, inputs):
        batch_size, num_pt, num_hypo, fdim = inputs.shape
        flat = inputs.reshape(batch_size, -1, fdim)
        support = torch.matmul(flat, self.weight).reshape(batch_size, num_pt, num_hypo, -1)
        support_loop = torch.matmul(flat, self.loop_weight).reshape(batch_size, num_pt, num_hypo, -1)
        output = (self.adj_mat @ support) + support_loop
        return self.act(output + self.bias)


class DeformationReasoning(nn.Module):
    def __init__(self, in_dim, hidden_dim, adj_mat, sample_coord):
        super().__init__()
        self.register_buffer("sample_coord", sample_coord)
        self.conv1 = LocalGConv(in_dim, hidden_dim, adj_mat)
        self.conv2 = LocalGConv(hidden_dim, 1, adj_mat, act=lambda x: x)

    def forward(self, features):
        score = self.conv2(self.conv1(features)).softmax(dim=2)
        return (score * self.sample_coord).sum(dim=2)


class Ring:
    def __init__(self, num_points):
        t = torch.arange(num_points) * (2 * torch.pi / num_points)
        self.coords = torch.stack([t.cos(), t.sin(), torch.zeros(num_points)], dim=1)
        self.edges = torch.stack([torch.arange(num_points), torch.arange(1, num_points + 1) % num_points], dim=1)
        self.sample_coord = torch.cat([torch.zeros(1, 3), torch.eye(3), -torch.eye(3)]) * 0.1
        self.sample_edges = torch.stack([torch.zeros(6, dtype=torch.long), torch.arange(1, 7)], dim=1)

    def hypothesis_features(self):
        points = self.coords.unsqueeze(1) + self.sample_coord
        return torch.cat([points, points.sin(), points.cos()], dim=-1).unsqueeze(0)


def main():
    torch.manual_seed(0)
    mesh = Ring(30)
    adj = normalized_adjacency(mesh.sample_edges, len(mesh.sample_coord))
    model = DeformationReasoning(9, 16, adj, mesh.sample_coord)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    target = mesh.coords * 1.05
    for epoch in range(5):
        moved = mesh.coords + model(mesh.hypothesis_features())[0]
        loss = (moved - target).pow(2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch} chamfer-like loss {loss.item():.5f}")


main()
