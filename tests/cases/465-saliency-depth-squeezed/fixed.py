"""RGB-D salient object segmentation: a saliency branch and a depth branch learn together."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class RGBDData(Dataset):
    mean = torch.tensor([0.447, 0.407, 0.386]).view(3, 1, 1)

    def __init__(self, n, side):
        rng = np.random.default_rng(0)
        yy, xx = np.mgrid[:side, :side]
        self.items = []
        for _ in range(n):
            cy, cx, radius = rng.uniform(8, side - 8), rng.uniform(8, side - 8), rng.uniform(4, 7)
            distance = np.hypot(yy - cy, xx - cx)
            mask = (distance < radius).astype(np.uint8) * 255
            depth = np.clip(255 - 8 * distance, 0, 255).astype(np.uint8)
            image = rng.integers(0, 80, (side, side, 3)) + mask[..., None] // 2
            self.items.append((image.astype(np.uint8), mask, depth))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        image, mask, depth = self.items[index]
        image = torch.from_numpy(image).permute(2, 0, 1).float() / 255 - self.mean
        mask = torch.from_numpy(mask).float().div(255).unsqueeze(0)
        depth = torch.from_numpy(depth).float().div(255).unsqueeze(0)
        return image, mask, depth


class CoNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU())
        self.high = nn.Sequential(nn.Conv2d(width, width, 3, 2, 1), nn.ReLU(),
                                  nn.Conv2d(width, width, 3, padding=2, dilation=2), nn.ReLU())
        self.saliency = nn.Conv2d(2 * width, 1, 1)
        self.depth = nn.Conv2d(2 * width, 1, 1)

    def forward(self, x):
        low = self.low(x)
        high = F.interpolate(self.high(low), size=low.shape[2:], mode="bilinear", align_corners=False)
        fused = torch.cat([low, high], dim=1)
        return self.saliency(fused), torch.sigmoid(self.depth(fused))


class Trainer:
    def __init__(self, model, loader):
        self.model, self.loader = model, loader
        self.optim = torch.optim.Adam(model.parameters(), lr=5e-3)

    def train(self, epochs):
        for epoch in range(epochs):
            totals = torch.zeros(2)
            for image, mask, depth in self.loader:
                saliency, pred_depth = self.model(image)
                sal_loss = F.binary_cross_entropy_with_logits(saliency, mask)
                gap = (pred_depth - depth).abs()
                dep_loss = torch.where(gap < 1, 0.5 * gap * gap, gap - 0.5).mean()
                self.optim.zero_grad()
                (sal_loss + 10 * dep_loss).backward()
                self.optim.step()
                totals += torch.tensor([sal_loss.item(), dep_loss.item()])
        return totals / len(self.loader)


if __name__ == "__main__":
    torch.manual_seed(0)
    trainer = Trainer(CoNet(), DataLoader(RGBDData(16, 32), batch_size=4, shuffle=True))
    sal, dep = trainer.train(epochs=12).tolist()
    print(f"saliency loss {sal:.3f} depth loss {dep:.4f}")
