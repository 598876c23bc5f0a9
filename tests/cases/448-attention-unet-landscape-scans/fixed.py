"""Cell-nuclei segmentation with a small attention U-Net."""
import json

import torch
from torch import nn

CONFIG = json.loads("""{
  "data": {"resize_to": [64, 48], "batch_size": 2, "count": 4},
  "model": {"base": 8, "depth": 3, "classes": 1},
  "optim": {"lr": 0.002, "epochs": 1}
}""")


def double_conv(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(),
        nn.Conv2d(c_out, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(),
    )


class ScaleGate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, 1, 1)

    def forward(self, skip):
        return skip * torch.sigmoid(self.squeeze(skip))


class AttentionUNet(nn.Module):
    def __init__(self, base, depth, classes):
        super().__init__()
        widths = [base * 2 ** i for i in range(depth + 1)]
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(double_conv(a, b) for a, b in zip([3] + widths, widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(w, w // 2, 2, stride=2) for w in widths[:0:-1])
        self.merge = nn.ModuleList(double_conv(w, w // 2) for w in widths[:0:-1])
        self.gates = nn.ModuleList(ScaleGate(w // 2) for w in widths[:0:-1])
        self.out = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        stack = []
        for level, stage in enumerate(self.down):
            x = stage(x if level == 0 else self.pool(x))
            stack.append(x)
        x = stack.pop()
        for up, gate, merge in zip(self.up, self.gates, self.merge):
            d = up(x)
            x = merge(torch.cat((gate(stack.pop()), d), dim=1))
        return self.out(x)


def load_scans(resize_to, batch_size, count):
    g = torch.Generator().manual_seed(4)
    for _ in range(count // batch_size):
        raw = torch.rand(batch_size, 3, 95, 68, generator=g)
        images = nn.functional.interpolate(raw, size=tuple(resize_to), mode="bilinear")
        yield images, (images.mean(1, keepdim=True) > 0.5).float()


def main(cfg):
    torch.manual_seed(0)
    net = AttentionUNet(**cfg["model"])
    optimizer = torch.optim.Adam(net.parameters(), cfg["optim"]["lr"])
    for epoch in range(cfg["optim"]["epochs"]):
        for images, masks in load_scans(**cfg["data"]):
            loss = nn.functional.binary_cross_entropy_with_logits(net(images), masks)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


main(CONFIG)
