"""Overlap scores for pairs of scans: grid subsampling, graph convolution on the superpoints."""
import torch
from torch import nn

CFG = {"first_subsampling_dl": 0.25, "num_layers": 2, "dgcnn_k": 10, "feats": 16}


def grid_subsample(points, cell):
    keys = (points / cell).floor().long()
    _, owner = torch.unique(keys, dim=0, return_inverse=True)
    count = torch.bincount(owner).unsqueeze(1)
    total = torch.zeros(count.size(0), 3).index_add_(0, owner, points)
    return total / count


def coarsen(points, cfg):
    cell = cfg["first_subsampling_dl"]
    for _ in range(cfg["num_layers"]):
        points = grid_subsample(points, cell)
        cell *= 2
    return points


def get_graph_feature(coords, feats, k):
    dist = torch.cdist(coords, coords)
    idx = dist.topk(min(k, coords.size(0)), dim=-1, largest=False).indices
    rows = torch.arange(coords.size(0)).unsqueeze(1)
    center = feats.unsqueeze(1).expand(-1, idx.size(1), -1)
    return torch.cat([center, feats[idx] - feats[rows]], dim=-1)


class SelfAttentionGNN(nn.Module):
    def __init__(self, dim, k):
        super().__init__()
        self.k = k
        self.conv1 = nn.Sequential(nn.Linear(2 * dim, dim), nn.LeakyReLU(0.2))
        self.conv2 = nn.Sequential(nn.Linear(2 * dim, dim), nn.LeakyReLU(0.2))
        self.out = nn.Linear(3 * dim, 1)

    def forward(self, coords, feats):
        x1 = self.conv1(get_graph_feature(coords, feats, self.k)).amax(dim=1)
        x2 = self.conv2(get_graph_feature(coords, x1, self.k)).amax(dim=1)
        return self.out(torch.cat([feats, x1, x2], dim=-1)).squeeze(-1)


class OverlapNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.lift = nn.Linear(3, cfg["feats"])
        self.gnn = SelfAttentionGNN(cfg["feats"], cfg["dgcnn_k"])

    def forward(self, points):
        coarse = coarsen(points, self.cfg)
        return self.gnn(coarse, self.lift(coarse)).sigmoid()


def scans(generator):
    for name, extent in {"chair": (1.0, 1.2, 2.0), "table": (1.8, 1.4, 0.9), "curtain": (1.4, 0.1, 1.3)}.items():
        yield name, torch.rand(400, 3, generator=generator) * torch.tensor(extent)


if __name__ == "__main__":
    torch.manual_seed(0)
    net = OverlapNet(CFG).eval()
    for name, cloud in scans(torch.Generator().manual_seed(5)):
        with torch.no_grad():
            score = net(cloud)
        print(name, "superpoints", score.numel(), "overlap %.4f" % score.mean())
