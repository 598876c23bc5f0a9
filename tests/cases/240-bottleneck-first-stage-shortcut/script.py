import torch
import torch.nn as nn


class Bottleneck(nn.Module):
    expansion = 2

    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        residual = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            residual = self.downsample(x)
        out += residual
        return self.relu(out)


class PoseNet(nn.Module):
    def __init__(self, block, layers, joints):
        super().__init__()
        self.inplanes = 16
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.layer1 = self._make_layer(block, 16, layers[0])
        self.layer2 = self._make_layer(block, 32, layers[1], stride=2)
        self.heatmaps = nn.Conv2d(32 * block.expansion, joints, 1)

    def _make_layer(self, block, planes, blocks, stride=1):
        width, downsample = planes * block.expansion, None
        if stride != 1:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width),
            )
        stages = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = width
        stages += [block(self.inplanes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*stages)

    def forward(self, x):
        return self.heatmaps(self.layer2(self.layer1(self.stem(x))))


def main():
    torch.manual_seed(0)
    net = PoseNet(Bottleneck, [2, 2], joints=5)
    people = torch.randn(2, 3, 64, 48)
    maps = net(people)
    peaks = maps.flatten(2).argmax(-1)
    print("heatmaps", tuple(maps.shape), "peaks", tuple(peaks.shape))


if __name__ == "__main__":
    main()
