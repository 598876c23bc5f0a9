"""Oriented-box detector on aerial tiles: pipeline, ViT backbone and one training epoch."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

IMG_SCALE = 64
PIPELINE = [
    ("resize", dict(scale=(IMG_SCALE, IMG_SCALE), keep_ratio=True)),
    ("normalize", dict(mean=0.45, std=0.25)),
]


def resize(image, scale, keep_ratio=False):
    target = tuple(scale)
    if keep_ratio:
        height, width = image.shape[-2:]
        ratio = min(max(scale) / max(height, width), min(scale) / min(height, width))
        target = (round(height * ratio), round(width * ratio))
    return F.interpolate(image[None], size=target, mode="bilinear", align_corners=False)[0]


def normalize(image, mean, std):
    return (image - mean) / std


TRANSFORMS = {"resize": resize, "normalize": normalize}


class AerialTiles(Dataset):
    def __init__(self, sizes, pipeline):
        gen = torch.Generator().manual_seed(2)
        self.images = [torch.rand(3, h, w, generator=gen) for h, w in sizes]
        self.boxes = torch.rand(len(sizes), 5, generator=gen)
        self.pipeline = pipeline

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        for name, options in self.pipeline:
            image = TRANSFORMS[name](image, **options)
        return image, self.boxes[i]


class ViT(nn.Module):
    def __init__(self, img_size=IMG_SCALE, patch=8, dim=32, depth=2):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, dim, patch, stride=patch)
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, (img_size // patch) ** 2, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 2 * dim, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def forward(self, images):
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = x + self.pos_embed
        return self.blocks(x).mean(1)


def main():
    torch.manual_seed(0)
    tiles = AerialTiles([(100, 100)] * 3 + [(80, 80), (75, 100), (100, 100)], PIPELINE)
    model = nn.Sequential(ViT(), nn.Linear(32, 5))
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, (image, box) in enumerate(DataLoader(tiles, batch_size=1)):
        loss = F.smooth_l1_loss(model(image), box)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
