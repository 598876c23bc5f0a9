import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = 6


class SegNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.aspp = nn.ModuleList(nn.Conv2d(16, n_classes, 3, 1, d, d) for d in (1, 2))

    def forward(self, x):
        h = self.layer2(self.layer1(x))
        return sum(branch(h) for branch in self.aspp)


class MultiScale(nn.Module):
    def __init__(self, base, scales=(0.5, 0.75)):
        super().__init__()
        self.base, self.scales = base, scales

    def forward(self, x):
        logits = self.base(x)
        size = logits.shape[2:]
        pyramid = [self.base(F.interpolate(x, scale_factor=s, mode="bilinear")) for s in self.scales]
        everything = [logits] + [F.interpolate(p, size=size, mode="bilinear") for p in pyramid]
        pooled = torch.stack(everything).max(dim=0)[0]
        if self.training:
            return [logits] + pyramid + [pooled]
        return pooled


def resize_labels(labels, size):
    small = F.interpolate(labels[:, None].float(), size=size, mode="nearest")
    return small[:, 0].long()


def batches(n, batch_size):
    g = torch.Generator().manual_seed(1)
    for _ in range(n):
        yield torch.rand(batch_size, 3, 48, 48, generator=g), torch.randint(0, CLASSES, (batch_size, 48, 48), generator=g)


def train(model, iterations, batch_size=2):
    criterion = nn.CrossEntropyLoss(ignore_index=255)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    model.base.eval()
    for it, (images, labels) in enumerate(batches(iterations, batch_size), 1):
        optimizer.zero_grad()
        loss = 0
        for logit in model(images):
            loss = loss + criterion(logit, resize_labels(labels, logit.shape[-2:]))
        loss.backward()
        optimizer.step()
        print("iteration", it, "loss", round(loss.item(), 4))


if __name__ == "__main__":
    torch.manual_seed(0)
    net = MultiScale(SegNet(CLASSES))
    print("parameters", sum(p.numel() for p in net.parameters()))
    train(net, iterations=3)
