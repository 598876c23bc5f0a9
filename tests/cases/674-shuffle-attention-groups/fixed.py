import torch
from torch import nn


class ShuffleAttention(nn.Module):
    def __init__(self, channels, groups=4):
        super().__init__()
        self.groups = groups
        width = channels // (2 * groups)
        self.cweight, self.cbias = nn.Parameter(torch.zeros(1, width, 1, 1)), nn.Parameter(torch.ones(1, width, 1, 1))
        self.sweight, self.sbias = nn.Parameter(torch.zeros(1, width, 1, 1)), nn.Parameter(torch.ones(1, width, 1, 1))
        self.gn = nn.GroupNorm(width, width)

    @staticmethod
    def channel_shuffle(x, groups):
        b, c, h, w = x.shape
        return x.reshape(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)

    def forward(self, x):
        b, c, h, w = x.shape
        x = x.reshape(b * self.groups, -1, h, w)
        x0, x1 = x.chunk(2, dim=1)
        xn = x0 * torch.sigmoid(self.cweight * x0.mean((2, 3), keepdim=True) + self.cbias)
        xs = x1 * torch.sigmoid(self.sweight * self.gn(x1) + self.sbias)
        out = torch.cat([xn, xs], dim=1).reshape(b, c, h, w)
        return self.channel_shuffle(out, 2)


class Stage(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1), nn.BatchNorm2d(cout), nn.ReLU())
        self.attention = ShuffleAttention(cout)

    def forward(self, x):
        return self.attention(self.body(x))


class SANet(nn.Module):
    def __init__(self, widths, classes):
        super().__init__()
        self.stages = nn.Sequential(*(Stage(a, b, 2) for a, b in zip((3, *widths), widths)))
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.fc(self.stages(x).mean((2, 3)))


def train_steps(model, steps):
    opt = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(steps):
        images, labels = torch.randn(4, 3, 32, 32), torch.randint(0, 4, (4,))
        loss = nn.functional.cross_entropy(model(images), labels)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item()


def main():
    torch.manual_seed(0)
    for name, widths in (("base", (32, 64, 128)), ("slim", (32, 40, 80))):
        print(name, "loss %.3f" % train_steps(SANet(widths, classes=4), steps=2))


main()
