import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

CONFIG = {
    "n_views": 6,
    "patch": (16, 32),
    "scale": 2,
    "loader": {"batch_size": 4, "num_workers": 2},
    "augment": True,
}


class Geometric:
    """Flips and turns the low-resolution views and the target alike."""

    def __init__(self, flips=(None, -1, -2), turns=(0, 2)):
        self.flips, self.turns = flips, turns

    def __call__(self, lr, hr, gen):
        flip = self.flips[int(torch.randint(len(self.flips), (1,), generator=gen))]
        k = self.turns[int(torch.randint(len(self.turns), (1,), generator=gen))]
        if flip is not None:
            lr, hr = lr.flip(flip), hr.flip(flip)
        return torch.rot90(lr, k, (-2, -1)), torch.rot90(hr, k, (-2, -1))


class ImageSetDataset(Dataset):
    def __init__(self, n_scenes, config):
        self.n_scenes, self.config = n_scenes, config
        self.transform = Geometric() if config["augment"] else None

    def __len__(self):
        return self.n_scenes

    def read(self, gen):
        h, w = (self.config["scale"] * s for s in self.config["patch"])
        hr = torch.rand(1, h, w, generator=gen)
        small = F.avg_pool2d(hr, self.config["scale"])
        return small + 0.05 * torch.randn(self.config["n_views"], *small.shape[1:], generator=gen), hr

    def __getitem__(self, index):
        gen = torch.Generator().manual_seed(100 + index)
        lrs, hr = self.read(gen)
        if self.transform is not None:
            lrs, hr = self.transform(lrs, hr, gen)
        return {"name": f"imgset{index:04d}", "lr": lrs, "alpha": torch.ones(len(lrs)), "hr": hr}


class Fusion(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.encode = nn.Conv2d(1, 8, 3, padding=1)
        self.decode = nn.Sequential(nn.Conv2d(8, scale * scale, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lrs, alphas):
        b, v, h, w = lrs.shape
        feats = self.encode(lrs.reshape(b * v, 1, h, w)).relu().view(b, v, -1, h, w)
        weight = (alphas / alphas.sum(1, keepdim=True)).view(b, v, 1, 1, 1)
        return self.decode((feats * weight).sum(1))


def train(config):
    torch.manual_seed(0)
    net = Fusion(config["scale"])
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    loader = DataLoader(ImageSetDataset(12, config), **config["loader"])
    for epoch in range(2):
        for batch in loader:
            loss = F.mse_loss(net(batch["lr"], batch["alpha"]), batch["hr"])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {epoch} last batch {batch['name'][0]} mse {loss.item():.4f}")


if __name__ == "__main__":
    train(CONFIG)
