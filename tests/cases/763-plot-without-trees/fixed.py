import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

PLOTS = {
    "MLBS_1": [(3.0, 4.0, 19.0, 22.0), (20.0, 6.0, 41.0, 30.0)],
    "MLBS_2": [(-2.0, 10.0, 12.0, 25.0)],
    "OSBS_7": [],
    "OSBS_9": [(8.0, 8.0, 9.0, 30.0), (15.0, 2.0, 35.0, 21.0), (1.0, 30.0, 14.0, 44.0)],
}


def clip_to_image(boxes, size):
    return boxes.clamp(min=0, max=size)


def remove_small(boxes, min_size):
    ws, hs = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return torch.where((ws >= min_size) & (hs >= min_size))[0]


class TreePlots(Dataset):
    """Aerial plots with one box for each crown."""

    def __init__(self, size=40):
        self.size = size
        self.names = sorted(PLOTS)

    def __len__(self):
        return len(self.names)

    def _load_image(self, name):
        gen = torch.Generator().manual_seed(sum(map(ord, name)))
        return torch.rand(3, self.size, self.size, generator=gen)

    def _load_boxes(self, name):
        boxes = []
        for xmin, ymin, xmax, ymax in PLOTS[name]:
            boxes.append([xmin, ymin, xmax, ymax])
        return torch.tensor(boxes).reshape(-1, 4)

    def __getitem__(self, i):
        name = self.names[i]
        boxes = clip_to_image(self._load_boxes(name), self.size)
        keep = remove_small(boxes, min_size=2)
        return {"image": self._load_image(name), "boxes": boxes[keep]}


def collate(samples):
    return torch.stack([s["image"] for s in samples]), [s["boxes"] for s in samples]


class CrownCounter(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1)
        )

    def forward(self, images):
        return self.net(images).squeeze(1)


def main():
    torch.manual_seed(0)
    model = CrownCounter()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for images, boxes in DataLoader(TreePlots(), batch_size=2, collate_fn=collate):
        counts = torch.tensor([float(len(b)) for b in boxes])
        loss = nn.functional.mse_loss(model(images), counts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("crowns", counts.tolist(), "loss", round(loss.item(), 4))


main()
