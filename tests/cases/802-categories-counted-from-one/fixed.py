import json

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

ANNOTATIONS = json.dumps({
    "categories": [{"id": 1, "name": "bolt"}, {"id": 2, "name": "nut"}, {"id": 3, "name": "washer"}, {"id": 4, "name": "gear"}],
    "images": [{"id": k, "side": 32} for k in range(6)],
    "annotations": [
        {"image_id": k, "bbox": [2.0 + k, 3.0, 10.0, 8.0 + k], "category_id": 1 + (k + j) % 4}
        for k in range(6) for j in (0, 2, 3)
    ],
})


class PartsDataset(Dataset):
    def __init__(self, text):
        data = json.loads(text)
        self.classes = [c["name"] for c in data["categories"]]
        index = {c["id"]: i for i, c in enumerate(data["categories"])}
        self.images = data["images"]
        self.boxes = {im["id"]: [] for im in self.images}
        for ann in data["annotations"]:
            x, y, w, h = ann["bbox"]
            self.boxes[ann["image_id"]].append([index[ann["category_id"]], x + w / 2, y + h / 2, w, h])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        gen = torch.Generator().manual_seed(i)
        side = self.images[i]["side"]
        return torch.rand(3, side, side, generator=gen), torch.tensor(self.boxes[self.images[i]["id"]])


class Detector(nn.Module):
    def __init__(self, num_classes, stride=8):
        super().__init__()
        self.num_classes, self.stride = num_classes, stride
        self.stem = nn.Sequential(nn.Conv2d(3, 16, stride, stride=stride), nn.SiLU())
        self.cls, self.reg = nn.Conv2d(16, num_classes, 1), nn.Conv2d(16, 4, 1)

    def forward(self, images):
        x = self.stem(images)
        return self.cls(x).flatten(2).transpose(1, 2), self.reg(x).flatten(2).transpose(1, 2), x.size(-1)


def assign(labels, width, stride):
    cells = (labels[:, 1:3] / stride).long()
    return cells[:, 1] * width + cells[:, 0]


def losses(model, images, labels):
    cls_logits, boxes, width = model(images)
    total = 0.0
    for logits, pred, gt in zip(cls_logits, boxes, labels):
        cell = assign(gt, width, model.stride)
        cls_target = F.one_hot(gt[:, 0].long(), model.num_classes).float()
        total = total + F.binary_cross_entropy_with_logits(logits[cell], cls_target)
        total = total + F.l1_loss(pred[cell], gt[:, 1:] / model.stride)
    return total / len(images)


if __name__ == "__main__":
    torch.manual_seed(0)
    dataset = PartsDataset(ANNOTATIONS)
    model = Detector(len(dataset.classes))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for images, labels in DataLoader(dataset, batch_size=3):
        loss = losses(model, images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"loss {loss.item():.4f}")
