"""Action recognition with a small inflated 3-D network: train, checkpoint, resume."""
import io

import torch
import torch.nn as nn
import torch.nn.functional as F


class Unit3D(nn.Module):
    def __init__(self, cin, cout, kernel=(3, 3, 3), stride=1, activation=True):
        super().__init__()
        self.conv = nn.Conv3d(cin, cout, kernel, stride, tuple(k // 2 for k in kernel))
        self.activation = activation

    def forward(self, x):
        x = self.conv(x)
        return F.relu(x) if self.activation else x


class InflatedNet(nn.Module):
    ENDPOINTS = {"Conv3d_1a": (3, 8, 2), "Conv3d_2b": (8, 12, 1), "Conv3d_2c": (12, 16, 2)}

    def __init__(self, num_classes=400):
        super().__init__()
        self.logits = self.make_logits(num_classes)
        for name, (cin, cout, stride) in self.ENDPOINTS.items():
            self.add_module(name, Unit3D(cin, cout, stride=stride))

    @staticmethod
    def make_logits(num_classes):
        return Unit3D(16, num_classes, kernel=(1, 1, 1), activation=False)

    def replace_logits(self, num_classes):
        del self.logits
        self.logits = self.make_logits(num_classes)

    def forward(self, clip):
        for name in self.ENDPOINTS:
            clip = getattr(self, name)(clip)
        return self.logits(clip).mean((2, 3, 4))


def clips(n, num_classes, seed):
    gen = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, num_classes, (n,), generator=gen)
    drift = torch.linspace(-1, 1, 6).view(1, 1, 6, 1, 1) * labels.view(-1, 1, 1, 1, 1).float()
    return drift + 0.3 * torch.randn(n, 3, 6, 8, 8, generator=gen), labels


def fit(net, optimizer, steps, first=0, num_classes=5):
    net.train()
    for step in range(first, first + steps):
        video, labels = clips(8, num_classes, seed=step)
        loss = F.cross_entropy(net(video), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"step {step} loss {loss.item():.3f}")


def save(net, optimizer, step):
    stream = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, stream)
    return stream


def resume(stream, num_classes):
    stream.seek(0)
    checkpoint = torch.load(stream)
    net = InflatedNet()
    net.replace_logits(num_classes)
    net.load_state_dict(checkpoint["net"])
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    optimizer.load_state_dict(checkpoint["optimizer"])
    return net, optimizer, checkpoint["step"]


def main(num_classes=5):
    torch.manual_seed(0)
    net = InflatedNet(num_classes)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    fit(net, optimizer, steps=20)
    stream = save(net, optimizer, step=20)
    net, optimizer, step = resume(stream, num_classes)
    print("resumed at step", step)
    fit(net, optimizer, steps=20, first=step)


if __name__ == "__main__":
    main()
