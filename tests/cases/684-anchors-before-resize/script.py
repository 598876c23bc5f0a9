"""Train a text-line proposal network on scanned pages."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

STRIDE = 8
HEIGHTS = (8.0, 16.0)


def make_anchors(height, width):
    rows, cols = height // STRIDE, width // STRIDE
    cy, cx = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    centres = torch.stack([cx, cy], dim=-1).reshape(-1, 1, 2).float() * STRIDE + STRIDE / 2
    half = torch.tensor([[STRIDE / 2, h / 2] for h in HEIGHTS])
    return torch.cat([centres - half, centres + half], dim=-1).reshape(-1, 4)


def iou(anchors, boxes):
    low = torch.maximum(anchors[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(anchors[:, None, 2:], boxes[None, :, 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    area = lambda b: (b[:, 2:] - b[:, :2]).prod(-1)
    return inter / (area(anchors)[:, None] + area(boxes) - inter)


class ScannedPages(Dataset):
    def __init__(self, pages, longest=160):
        self.pages, self.longest = pages, longest

    def __len__(self):
        return len(self.pages)

    def __getitem__(self, i):
        image, boxes = self.pages[i]
        height, width = image.shape[1:]
        scale = self.longest / max(height, width)
        if scale < 1:
            image = F.interpolate(image[None], scale_factor=scale, mode="bilinear")[0]
            boxes = boxes * scale
        overlap = iou(make_anchors(height, width), boxes).amax(dim=1)
        labels = torch.where(overlap > 0.3, 1, torch.where(overlap < 0.1, 0, -1))
        return image, labels


class ProposalNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        steps = [nn.Conv2d(3, width, 3, 2, 1), nn.ReLU()]
        for _ in range(2):
            steps += [nn.Conv2d(width, width, 3, 2, 1), nn.ReLU()]
        self.body = nn.Sequential(*steps)
        self.cls = nn.Conv2d(width, 2 * len(HEIGHTS), 1)

    def forward(self, image):
        return self.cls(self.body(image)).permute(0, 2, 3, 1).reshape(-1, 2)


def cls_loss(scores, labels):
    keep = (labels != -1).nonzero()[:, 0]
    return F.cross_entropy(scores[keep], labels[keep])


def fake_page(height, width, lines):
    y, x = torch.meshgrid(torch.arange(lines) * 18.0 + 6, torch.arange(16.0, width - 16, STRIDE), indexing="ij")
    return torch.rand(3, height, width), torch.stack([x, y, x + STRIDE, y + 12], dim=-1).view(-1, 4)


if __name__ == "__main__":
    torch.manual_seed(5)
    pages = [fake_page(96, 160, 4), fake_page(160, 128, 7), fake_page(320, 240, 14), fake_page(128, 128, 5)]
    net = ProposalNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for step, (image, labels) in enumerate(DataLoader(ScannedPages(pages), batch_size=1)):
        loss = cls_loss(net(image), labels[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"page {step} {tuple(image.shape[2:])} loss {loss.item():.4f}")
