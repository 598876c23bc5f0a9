import torch
from torch import nn


class InceptionModule(nn.Module):
    def __init__(self, ni, nf, ks=20, bottleneck=True, **conv_kwargs):
        super().__init__()
        kernels = [ks // (2 ** i) for i in range(3)]
        kernels = [k if k % 2 else k - 1 for k in kernels]
        self.bottleneck = nn.Conv1d(ni, nf, 1, bias=False) if bottleneck and ni > 1 else nn.Identity()
        width = nf if bottleneck and ni > 1 else ni
        conv_kwargs = {"padding": "same", "bias": False, **conv_kwargs}
        self.convs = nn.ModuleList(nn.Conv1d(width, nf, k, **conv_kwargs) for k in kernels)
        self.maxconvpool = nn.Sequential(nn.MaxPool1d(3, stride=1, padding=1), nn.Conv1d(ni, nf, 1, bias=False))
        self.bn = nn.BatchNorm1d(nf * 4)

    def forward(self, x):
        reduced = self.bottleneck(x)
        branches = [conv(reduced) for conv in self.convs] + [self.maxconvpool(x)]
        return torch.relu(self.bn(torch.cat(branches, dim=1)))


class InceptionTime(nn.Module):
    def __init__(self, c_in, c_out, nf=8, depth=3, **kwargs):
        super().__init__()
        widths = [c_in] + [nf * 4] * depth
        self.blocks = nn.Sequential(*[InceptionModule(w, nf, **kwargs) for w in widths[:-1]])
        self.gap = nn.AdaptiveAvgPool1d(1)
        self.fc = nn.Linear(nf * 4, c_out)

    def forward(self, x):
        return self.fc(self.gap(self.blocks(x)).flatten(1))


class TSLearner:
    archs = {"InceptionTime": InceptionTime}

    def __init__(self, X, y, arch, arch_config=None, bs=16):
        self.X, self.y, self.bs = X, y, bs
        self.model = self.archs[arch](X.size(1), int(y.max()) + 1, **(arch_config or {}))

    def fit(self, epochs, lr):
        opt = torch.optim.Adam(self.model.parameters(), lr=lr)
        for epoch in range(epochs):
            losses = []
            for xb, yb in zip(self.X.split(self.bs), self.y.split(self.bs)):
                loss = nn.functional.cross_entropy(self.model(xb), yb)
                opt.zero_grad()
                loss.backward()
                opt.step()
                losses.append(loss.item())
            print(f"{epoch} train_loss {sum(losses) / len(losses):.4f}")


def gestures(n=48, channels=3, length=100, classes=4):
    gen = torch.Generator().manual_seed(0)
    y = torch.arange(n) % classes
    t = torch.linspace(0, 6.28, length)
    waves = torch.sin(t * (y + 1).view(-1, 1, 1)) + 0.3 * torch.randn(n, channels, length, generator=gen)
    return waves, y


if __name__ == "__main__":
    torch.manual_seed(0)
    X, y = gestures()
    print("default ")
    TSLearner(X, y, "InceptionTime").fit(1, 1e-3)
    print("without zeros at the borders")
    TSLearner(X, y, "InceptionTime", {"ks": 20, "padding": "valid"}).fit(1, 1e-3)
