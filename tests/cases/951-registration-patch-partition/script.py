from types import SimpleNamespace

import torch
import torch.nn as nn


def make_cfg():
    cfg = SimpleNamespace()
    cfg.backbone = SimpleNamespace(init_voxel_size=0.12, node_voxel_size=0.5, output_dim=16)
    cfg.model = SimpleNamespace(num_points_in_patch=64, num_correspondences=3)
    cfg.train = SimpleNamespace(batch_size=1, max_epoch=1, lr=1e-3)
    return cfg


def grid_subsample(points, voxel_size):
    keys = torch.floor(points / voxel_size).long()
    _, inverse = torch.unique(keys, dim=0, return_inverse=True)
    sums = torch.zeros(int(inverse.max()) + 1, 3).index_add_(0, inverse, points)
    return sums / torch.bincount(inverse)[:, None]


@torch.no_grad()
def point_to_node_partition(points, nodes, point_limit):
    sq_dist = torch.cdist(nodes, points) ** 2
    point_to_node = sq_dist.argmin(dim=0)
    matching = torch.zeros_like(sq_dist, dtype=torch.bool)
    matching[point_to_node, torch.arange(points.shape[0])] = True
    sq_dist.masked_fill_(~matching, 1e12)
    node_knn_indices = sq_dist.topk(k=point_limit, dim=1, largest=False)[1]
    node_knn_masks = torch.gather(matching, 1, node_knn_indices)
    return node_knn_indices.masked_fill(~node_knn_masks, points.shape[0]), node_knn_masks


class GeoTransformer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        dim = cfg.backbone.output_dim
        self.cfg = cfg
        self.encode = nn.Sequential(nn.Linear(3, dim), nn.ReLU(), nn.Linear(dim, dim))

    def patches(self, points):
        nodes = grid_subsample(points, self.cfg.backbone.node_voxel_size)
        knn, masks = point_to_node_partition(points, nodes, self.cfg.model.num_points_in_patch)
        feats = torch.cat([self.encode(points), torch.zeros(1, self.cfg.backbone.output_dim)])
        pooled = feats[knn].sum(1) / masks.sum(1, keepdim=True).clamp(min=1)
        return nodes, nn.functional.normalize(pooled, dim=1)

    def forward(self, ref, src):
        ref_nodes, ref_feats = self.patches(ref)
        src_nodes, src_feats = self.patches(src)
        scores = ref_feats @ src_feats.t()
        top, index = scores.flatten().topk(self.cfg.model.num_correspondences)
        row, col = index // scores.shape[1], index % scores.shape[1]
        return (top[:, None] * (ref_nodes[row] - src_nodes[col])).pow(2).mean() - top.mean()


def main():
    cfg = make_cfg()
    gen = torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    model = GeoTransformer(cfg)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.train.lr)
    for i, scans in enumerate([400, 300, 45, 350]):
        cloud = torch.rand(scans, 3, generator=gen)
        ref = grid_subsample(cloud, cfg.backbone.init_voxel_size)
        src = grid_subsample(cloud + 0.02, cfg.backbone.init_voxel_size)
        loss = model(ref, src)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"Iter: {i + 1}, points: {len(ref)}/{len(src)}, loss: {loss.item():.4f}")


main()
