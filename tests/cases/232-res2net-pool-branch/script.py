import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

IMAGE_SIZE = 62


def conv3x3(cin, cout, stride=1):
    return nn.Conv2d(cin, cout, 3, stride=stride, padding=1, bias=False)


class Bottle2neck(nn.Module):
    """Multi-scale residual block: the channels are treated in `scale` groups."""

    def __init__(self, inplanes, planes, stride=1, scale=4, stage_entry=False):
        super().__init__()
        self.width = planes // scale
        self.stage_entry = stage_entry
        self.conv1 = nn.Sequential(nn.Conv2d(inplanes, planes, 1), nn.BatchNorm2d(planes), nn.ReLU())
        self.pool = nn.AvgPool2d(stride) if stage_entry else nn.Identity()
        self.convs = nn.ModuleList(conv3x3(self.width, self.width, stride) for _ in range(scale - 1))
        self.bns = nn.ModuleList(nn.BatchNorm2d(self.width) for _ in range(scale - 1))
        self.conv3 = nn.Sequential(nn.Conv2d(planes, planes, 1), nn.BatchNorm2d(planes))

    def forward(self, x):
        groups = self.conv1(x).split(self.width, dim=1)
        done = []
        for i, (conv, bn) in enumerate(zip(self.convs, self.bns)):
            sp = groups[i] if self.stage_entry or i == 0 else done[-1] + groups[i]
            done.append(torch.relu(bn(conv(sp))))
        done.append(self.pool(groups[-1]))
        out = self.conv3(torch.cat(done, dim=1))
        return torch.relu(out if self.stage_entry else out + x)


def res2net(classes):
    return nn.Sequential(
        conv3x3(3, 16, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
        Bottle2neck(16, 16),
        Bottle2neck(16, 32, stride=2, stage_entry=True), Bottle2neck(32, 32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, classes),
    )


def main():
    torch.manual_seed(1)
    images = torch.randn(8, 3, IMAGE_SIZE, IMAGE_SIZE)
    data = TensorDataset(images, torch.randint(0, 5, (8,)))
    net = res2net(classes=5)
    optim = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for step, (x, y) in enumerate(DataLoader(data, batch_size=4)):
        loss = nn.functional.cross_entropy(net(x), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print("step", step, "loss", round(loss.item(), 3))


main()
