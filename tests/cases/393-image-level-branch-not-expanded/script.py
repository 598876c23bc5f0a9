import torch
from torch import nn
from torch.nn import functional as F

CONFIG = {
    "backbone": {"widths": (16, 24, 32)},
    "aspp": {"dilations": (1, 3, 6, 1), "out_channels": 12},
    "head": {"classes": 5},
}


class Backbone(nn.Sequential):
    def __init__(self, widths):
        layers, previous = [], 3
        for width in widths:
            layers += [nn.Conv2d(previous, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            previous = width
        super().__init__(*layers)


class ASPP(nn.Module):
    def __init__(self, in_channels, out_channels, dilations):
        super().__init__()
        self.aspp_num = len(dilations)
        self.aspp = nn.ModuleList()
        for d in dilations:
            kernel = 3 if d > 1 else 1
            self.aspp.append(nn.Conv2d(in_channels, out_channels, kernel, padding=d if d > 1 else 0, dilation=d))
        self.gap = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        avg_x = self.gap(x)
        out = []
        for aspp_idx in range(self.aspp_num):
            inp = avg_x if aspp_idx == self.aspp_num - 1 else x
            out.append(F.relu(self.aspp[aspp_idx](inp)))
        return torch.cat(out, dim=1)


class Segmenter(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths, aspp = config["backbone"]["widths"], config["aspp"]
        self.backbone = Backbone(widths)
        self.context = ASPP(widths[-1], **aspp)
        self.classify = nn.Conv2d(len(aspp["dilations"]) * aspp["out_channels"], config["head"]["classes"], 1)

    def forward(self, images):
        scores = self.classify(self.context(self.backbone(images)))
        return F.interpolate(scores, size=images.shape[2:], mode="bilinear", align_corners=False)


def batches(count, size=(64, 96)):
    for _ in range(count):
        yield torch.rand(2, 3, *size), torch.randint(0, 5, (2, *size))


def main():
    torch.manual_seed(0)
    model = Segmenter(CONFIG)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step, (images, labels) in enumerate(batches(3)):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("step", step, "loss", round(loss.item(), 4))


if __name__ == "__main__":
    main()
