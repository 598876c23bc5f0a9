"""Face embeddings: residual backbone, 64-d embedding, additive angular margin."""
import argparse

import torch
import torch.nn.functional as F
from torch import nn


def conv_bn(cin, cout, k, stride=1):
    return nn.Sequential(nn.Conv2d(cin, cout, k, stride, k // 2, bias=False), nn.BatchNorm2d(cout))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, cin, planes, stride):
        super().__init__()
        cout = planes * self.expansion
        self.body = self.make_body(cin, planes, stride)
        self.skip = nn.Identity() if stride == 1 and cin == cout else conv_bn(cin, cout, 1, stride)

    def make_body(self, cin, planes, stride):
        return nn.Sequential(conv_bn(cin, planes, 3, stride), nn.PReLU(), conv_bn(planes, planes, 3))

    def forward(self, x):
        return F.relu(self.body(x) + self.skip(x))


class Bottleneck(BasicBlock):
    expansion = 4

    def make_body(self, cin, planes, stride):
        return nn.Sequential(
            conv_bn(cin, planes, 1), nn.PReLU(), conv_bn(planes, planes, 3, stride), nn.PReLU(),
            conv_bn(planes, planes * self.expansion, 1),
        )


class ResNetFace(nn.Module):
    def __init__(self, block, layers, planes=(8, 16, 32)):
        super().__init__()
        self.stem = nn.Sequential(conv_bn(1, planes[0], 3), nn.PReLU(), nn.MaxPool2d(2))
        stages, cin = [], planes[0]
        for width, count in zip(planes, layers):
            for i in range(count):
                stages.append(block(cin, width, stride=2 if i == 0 else 1))
                cin = width * block.expansion
        self.stages = nn.Sequential(*stages)
        self.fc5 = nn.Linear(planes[-1] * 4 * 4, 64)
        self.bn5 = nn.BatchNorm1d(64)

    def forward(self, x):
        x = self.stages(self.stem(x))
        return self.bn5(self.fc5(x.flatten(1)))


BACKBONES = {"resnet18": (BasicBlock, (1, 1, 1)), "resnet50": (Bottleneck, (1, 2, 1))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbones", nargs="*", default=["resnet18", "resnet50"])
    args = parser.parse_args()
    torch.manual_seed(0)
    faces, people = torch.randn(6, 1, 64, 64), torch.randint(0, 5, (6,))
    for name in args.backbones:
        model, centers = ResNetFace(*BACKBONES[name]), nn.Parameter(torch.randn(5, 64))
        cosine = F.linear(F.normalize(model(faces)), F.normalize(centers))
        margin = 0.3 * F.one_hot(people, 5)
        print(name, "loss %.3f" % F.cross_entropy(16 * (cosine - margin), people).item())


if __name__ == "__main__":
    main()
