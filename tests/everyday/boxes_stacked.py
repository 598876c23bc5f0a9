import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(3)
torch.manual_seed(3)
torch.set_num_threads(1)


class BoxDataset(Dataset):
    def __init__(self, n):
        self.counts = [1] * 10 + [random.randint(1, 5) for _ in range(n - 10)]

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, i):
        n = self.counts[i]
        image = torch.rand(3, 32, 32)
        xy = torch.rand(n, 2) * 16
        boxes = torch.cat([xy, xy + torch.rand(n, 2) * 15], dim=1)
        labels = torch.randint(0, 4, (n,))
        return image, {"boxes": boxes, "labels": labels}


class TinyDetector(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        self.box = nn.Linear(32, 4)
        self.cls = nn.Linear(32, classes)

    def forward(self, images):
        f = self.backbone(images).mean((2, 3))
        return self.box(f), self.cls(f)


loader = DataLoader(BoxDataset(24), batch_size=4)
model = TinyDetector()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step, (images, targets) in enumerate(loader):
    boxes, logits = model(images)
    loss = sum(nn.functional.smooth_l1_loss(boxes[i].expand_as(b), b) for i, b in enumerate(targets["boxes"]))
    loss = loss + nn.functional.cross_entropy(logits, targets["labels"][:, 0])
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"step {step} loss {loss.item():.3f}")
