"""House prices from a photo and twelve columns of numbers."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Houses(Dataset):
    def __init__(self, n, seed=0):
        gen = torch.Generator().manual_seed(seed)
        self.photos = torch.rand(n, 3, 32, 32, generator=gen)
        self.columns = torch.randn(n, 12, generator=gen)
        self.prices = self.columns[:, 0] + 3 * self.photos.mean((1, 2, 3))

    def __len__(self):
        return len(self.prices)

    def __getitem__(self, i):
        return {"image": self.photos[i], "tabular": self.columns[i], "price": self.prices[i:i + 1]}


class Stage(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride=2, padding=1)
        self.bn, self.act = nn.BatchNorm2d(c_out), nn.GELU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Backbone(nn.Module):
    def __init__(self, widths=(3, 8, 16, 14)):
        super().__init__()
        self.stages = nn.Sequential(*[Stage(a, b) for a, b in zip(widths, widths[1:])])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.out_features = widths[-1]

    def forward(self, x):
        return self.pool(self.stages(x))


class PriceModel(nn.Module):
    def __init__(self, columns=12):
        super().__init__()
        self.model = Backbone()
        self.columns = nn.Sequential(nn.Linear(columns, 16), nn.ReLU())
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(self.model.out_features + 16, 1)

    def forward(self, image, tabular):
        x = self.drop(self.model(image))
        t = self.columns(tabular)
        return self.out(torch.cat([x, t], dim=1))


def fit(model, loader, epochs=2):
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for batch in loader:
            loss = nn.functional.l1_loss(model(batch["image"], batch["tabular"]), batch["price"])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print("epoch", epoch, "mae %.3f" % loss.item())


if __name__ == "__main__":
    torch.manual_seed(0)
    fit(PriceModel(), DataLoader(Houses(24), batch_size=8))
