"""Wide residual network on a crop of a medical image collection."""
import math
from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F

OPTS = SimpleNamespace(depth=10, widen_factor=1, batch_size=8, steps=3, lr=0.05)
COLLECTIONS = {
    "cifar10": {"shape": (3, 32, 32), "classes": 10},
    "dermatoscopy": {"shape": (3, 64, 64), "classes": 7},
}


class BasicBlock(nn.Module):
    def __init__(self, in_planes, out_planes, stride):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(in_planes), nn.BatchNorm2d(out_planes)
        self.conv1 = nn.Conv2d(in_planes, out_planes, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out_planes, out_planes, 3, 1, 1, bias=False)
        self.shortcut = None
        if in_planes != out_planes or stride != 1:
            self.shortcut = nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)

    def forward(self, x):
        pre = F.relu(self.bn1(x))
        skip = x if self.shortcut is None else self.shortcut(pre)
        return skip + self.conv2(F.relu(self.bn2(self.conv1(pre))))


class WideResNet(nn.Module):
    def __init__(self, depth, num_classes, widen_factor=1):
        super().__init__()
        widths = [8, 8 * widen_factor, 16 * widen_factor, 32 * widen_factor]
        n = (depth - 4) // 6
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        blocks = []
        for i in range(3):
            for j in range(n):
                c_in = widths[i] if j == 0 else widths[i + 1]
                blocks.append(BasicBlock(c_in, widths[i + 1], stride=2 if i > 0 and j == 0 else 1))
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3], num_classes)
        self.n_channels = widths[3]
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                fan = m.kernel_size[0] ** 2 * m.out_channels
                m.weight.data.normal_(0, math.sqrt(2.0 / fan))

    def forward(self, x):
        out = F.relu(self.bn(self.blocks(self.conv1(x))))
        out = F.adaptive_avg_pool2d(out, 1)
        out = out.view(-1, self.n_channels)
        return self.fc(out)


def batches(name):
    spec = COLLECTIONS[name]
    for _ in range(OPTS.steps):
        yield torch.randn(OPTS.batch_size, *spec["shape"]), torch.randint(spec["classes"], (OPTS.batch_size,))


def train(name):
    model = WideResNet(OPTS.depth, COLLECTIONS[name]["classes"], OPTS.widen_factor)
    sgd = torch.optim.SGD(model.parameters(), lr=OPTS.lr, momentum=0.9, nesterov=True)
    for step, (images, labels) in enumerate(batches(name)):
        loss = F.cross_entropy(model(images), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        print(f"{name} step {step} loss {loss.item():.3f}")


torch.manual_seed(0)
for collection in COLLECTIONS:
    train(collection)
