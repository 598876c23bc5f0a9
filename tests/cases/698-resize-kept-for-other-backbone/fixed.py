"""One-class anomaly scores from the visual tower of a contrastive model."""
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

BACKBONES = {
    "ViT-B-16-plus-240": SimpleNamespace(image_size=60, patch_size=4, width=40, heads=4, layers=2),
    "ViT-B-16": SimpleNamespace(image_size=56, patch_size=4, width=32, heads=4, layers=2),
}


class VisualTower(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        grid = cfg.image_size // cfg.patch_size
        self.conv1 = nn.Conv2d(3, cfg.width, cfg.patch_size, stride=cfg.patch_size, bias=False)
        self.class_embedding = nn.Parameter(cfg.width ** -0.5 * torch.randn(cfg.width))
        self.positional_embedding = nn.Parameter(cfg.width ** -0.5 * torch.randn(grid ** 2 + 1, cfg.width))
        layer = nn.TransformerEncoderLayer(cfg.width, cfg.heads, 2 * cfg.width, dropout=0.0, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, cfg.layers)

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        cls = self.class_embedding.expand(x.size(0), 1, -1)
        x = torch.cat([cls, x], dim=1)
        x = x + self.positional_embedding
        x = self.transformer(x)
        return F.normalize(x[:, 0], dim=-1), F.normalize(x[:, 1:], dim=-1)


class Normal:
    """Unlabelled good parts; resolution as delivered by the camera."""

    def __init__(self, count, resize, seed):
        gen = torch.Generator().manual_seed(seed)
        self.raw = [torch.rand(3, 90, 120, generator=gen) for _ in range(count)]
        self.resize = resize

    def batch(self):
        small = [F.interpolate(r[None], size=(self.resize, self.resize), mode="bilinear") for r in self.raw]
        return torch.cat(small)


def get_args(backbone):
    return SimpleNamespace(backbone=backbone, img_resize=BACKBONES[backbone].image_size, k_shot=4, seed=111)


@torch.no_grad()
def run(args):
    torch.manual_seed(args.seed)
    tower = VisualTower(BACKBONES[args.backbone]).eval()
    gallery = Normal(args.k_shot, args.img_resize, seed=1)
    query = Normal(2, args.img_resize, seed=2)
    _, memory = tower(gallery.batch())
    _, patches = tower(query.batch())
    distance = 1 - patches.flatten(0, 1) @ memory.flatten(0, 1).T
    return distance.min(dim=1).values.view(patches.size(0), -1).max(dim=1).values


if __name__ == "__main__":
    for backbone in BACKBONES:
        scores = run(get_args(backbone))
        print(f"{backbone:<18}", [round(s, 4) for s in scores.tolist()])
