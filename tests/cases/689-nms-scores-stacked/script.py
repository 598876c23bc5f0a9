import torch
from torch import nn
import torch.nn.functional as F


class CenterNet(nn.Module):
    def __init__(self, num_classes, width=16):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.act_hm = nn.Conv2d(width, num_classes, 1)
        self.wh = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        feat = self.trunk(x)
        return {"act_hm": self.act_hm(feat).sigmoid(), "wh": F.softplus(self.wh(feat))}


def decode(output, k=20):
    """(batch, k, 6): x1, y1, x2, y2, score, class"""
    hm, wh = output["act_hm"], output["wh"]
    peaks = hm * (F.max_pool2d(hm, 3, stride=1, padding=1) == hm)
    _, _, h, w = hm.shape
    score, ind = peaks.flatten(1).topk(k)
    cls, pos = ind // (h * w), ind % (h * w)
    xs, ys = (pos % w).float(), (pos // w).float()
    half = wh.flatten(2).gather(2, pos.unsqueeze(1).expand(-1, 2, -1)) / 2
    box = torch.stack([xs - half[:, 0], ys - half[:, 1], xs + half[:, 0], ys + half[:, 1]], dim=-1)
    return torch.cat([box, score.unsqueeze(-1), cls.float().unsqueeze(-1)], dim=-1)


def suppress(box, score, cls):
    left_top = torch.maximum(box[:, None, :2], box[None, :, :2])
    right_bottom = torch.minimum(box[:, None, 2:], box[None, :, 2:])
    inter = (right_bottom - left_top).clamp(min=0).prod(-1)
    area = (box[:, 2:] - box[:, :2]).prod(-1)
    iou = inter / (area[:, None] + area[None] - inter + 1e-6)
    beaten = (iou > 0.5) & (cls[:, None] == cls[None]) & (score[None] > score[:, None])
    return box, score.masked_fill(beaten.any(1), 0.0), cls


def nms_abox(detection):
    kept = [suppress(d[:, :4], d[:, 4], d[:, 5]) for d in detection]
    box, score, cls = zip(*kept)
    ind = torch.cat([torch.full((len(b),), i) for i, b in enumerate(box)])
    box = torch.cat(box, dim=0)
    score = torch.stack(score, dim=1)
    cls = torch.stack(cls, dim=1)
    return torch.cat([box, score, cls], dim=1), ind


@torch.no_grad()
def detect(model, images):
    rows, ind = nms_abox(decode(model(images)))
    keep = rows[:, 4] > 0.1
    return rows[keep], ind[keep]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = CenterNet(num_classes=8).eval()
    for name, images in [("demo image", torch.rand(1, 3, 64, 64)), ("validation batch", torch.rand(3, 3, 64, 64))]:
        rows, ind = detect(model, images)
        print(f"{name}: {len(rows)} boxes, per image {torch.bincount(ind).tolist()}")
