import torch
import torch.nn.functional as F
from torch import nn


class AugmentedConv(nn.Module):
    """A convolution whose last dv output channels come from self-attention over the pixels."""

    def __init__(self, cin, cout, kernel=3, dk=16, dv=8, heads=2):
        super().__init__()
        self.dk, self.dv, self.heads = dk, dv, heads
        self.conv = nn.Conv2d(cin, cout - dv, kernel, padding=kernel // 2)
        self.qkv = nn.Conv2d(cin, 2 * dk + dv, 1)
        self.mix = nn.Conv2d(dv, dv, 1)

    def split_heads(self, x):
        b, channels, h, w = x.shape
        return x.reshape(b, self.heads, channels // self.heads, h * w)

    def forward(self, x):
        b, _, h, w = x.shape
        q, k, v = self.qkv(x).split([self.dk, self.dk, self.dv], dim=1)
        q = self.split_heads(q) * (self.dk // self.heads) ** -0.5
        k, v = self.split_heads(k), self.split_heads(v)
        weights = F.softmax(q.transpose(2, 3) @ k, dim=-1)
        attended = weights @ v.transpose(2, 3)
        attended = attended.transpose(2, 3).reshape(b, self.heads, self.dv // self.heads, h, w)
        attended = self.mix(attended.reshape(b, self.dv, h, w))
        return torch.cat([self.conv(x), attended], dim=1)


class PatternNet(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU())
        self.body = AugmentedConv(12, 20)
        self.head = nn.Conv2d(20, classes, 1)

    def forward(self, x):
        return self.head(torch.relu(self.body(self.stem(x))))


def dots(places, h=5, w=7):
    img = torch.zeros(len(places), 1, h, w)
    for row, (y, x) in enumerate(places):
        img[row, 0, y, x] = 1.0
    return img


if __name__ == "__main__":
    torch.manual_seed(0)
    net = PatternNet().eval()
    with torch.no_grad():
        maps = net(dots([(2, 1), (2, 5), (4, 3)]))
    print("score maps", tuple(maps.shape))
    for n, per_class in enumerate(maps.flatten(2).max(-1).indices.tolist()):
        print("image", n, "peaks", [(i // 7, i % 7) for i in per_class])
