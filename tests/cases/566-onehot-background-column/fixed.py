import torch
import torch.nn.functional as F
from torch import nn

CLASSES = ("person", "bicycle", "car", "motorcycle", "airplane")


class SyntheticBoxes:
    """Feature of each anchor with the class assigned to it; len(CLASSES) stands for background."""

    def __init__(self, anchors=48, channels=16):
        self.anchors, self.channels = anchors, channels

    def __iter__(self):
        gen = torch.Generator().manual_seed(2)
        for _ in range(4):
            feats = torch.randn(self.anchors, self.channels, generator=gen)
            labels = torch.randint(0, len(CLASSES) + 1, (self.anchors,), generator=gen)
            labels[:30] = len(CLASSES)
            yield feats, labels, (torch.rand(self.anchors, generator=gen) > 0.1).float()


class AnchorHead(nn.Module):
    def __init__(self, num_classes, in_channels):
        super().__init__()
        self.num_classes = num_classes
        self.tower = nn.Sequential(nn.Linear(in_channels, 32), nn.ReLU())
        self.cls = nn.Linear(32, num_classes)

    def forward(self, feats):
        return self.cls(self.tower(feats))


class ResamplingHead(AnchorHead):
    """Keeps the hardest anchors and weighs them by their focal loss."""

    def __init__(self, num_classes, in_channels, keep=24, gamma=2.0):
        super().__init__(num_classes, in_channels)
        self.keep, self.gamma = keep, gamma

    def focal(self, prob, y):
        p_t = prob * y + (1 - prob) * (1 - y)
        return -(1 - p_t) ** self.gamma * p_t.clamp(min=1e-6).log()

    def loss_single(self, cls_score, labels, label_weights):
        prob = cls_score.sigmoid()
        y = F.one_hot(labels, self.num_classes + 1)[:, :self.num_classes]
        pos_xse = -torch.log(prob) * y * label_weights[:, None]
        hard = self.focal(prob, y).sum(1).topk(self.keep).indices
        num_pos = max(int((labels < self.num_classes).sum()), 1)
        return (self.focal(prob, y)[hard].sum() + 0.1 * pos_xse.sum()) / num_pos


def build_head(cfg):
    cfg = dict(cfg)
    return {"ResamplingHead": ResamplingHead, "AnchorHead": AnchorHead}[cfg.pop("type")](**cfg)


def train(cfg):
    torch.manual_seed(0)
    head = build_head(cfg["bbox_head"])
    optimizer = torch.optim.SGD(head.parameters(), lr=cfg["lr"])
    for it, (feats, labels, weights) in enumerate(SyntheticBoxes()):
        loss = head.loss_single(head(feats), labels, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"iter {it} loss_cls {loss.item():.4f}")


train({"bbox_head": {"type": "ResamplingHead", "num_classes": len(CLASSES), "in_channels": 16}, "lr": 0.05})
