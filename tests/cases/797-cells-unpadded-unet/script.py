import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Cells(Dataset):
    def __init__(self, n, side=60):
        grid = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))
        gen = torch.Generator().manual_seed(3)
        centres = torch.randint(15, side - 15, (n, 2, 1, 1), generator=gen)
        self.masks = ((grid - centres).pow(2).sum(1) < 100).long()
        self.images = self.masks.unsqueeze(1) + 0.3 * torch.randn(n, 1, side, side, generator=gen)

    def __len__(self):
        return len(self.masks)

    def __getitem__(self, i):
        return self.images[i], self.masks[i]


def centre_crop(t, like):
    dy, dx = t.size(-2) - like.size(-2), t.size(-1) - like.size(-1)
    return t[..., dy // 2:dy // 2 + like.size(-2), dx // 2:dx // 2 + like.size(-1)]


def conv_relu(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3), nn.BatchNorm2d(cout), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, classes, width=8):
        super().__init__()
        self.enc = nn.Sequential(conv_relu(1, width), conv_relu(width, width))
        self.mid = nn.Sequential(conv_relu(width, 2 * width), conv_relu(2 * width, 2 * width))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.dec = nn.Sequential(conv_relu(2 * width, width), conv_relu(width, width))
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        skip = self.enc(x)
        up = self.up(self.mid(F.max_pool2d(skip, 2)))
        return self.out(self.dec(torch.cat([centre_crop(skip, up), up], dim=1)))


class Trainer:
    def __init__(self, net):
        self.net = net
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step(self, images, masks):
        outputs = self.net(images)
        loss = self.criterion(outputs, masks)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    cells = Cells(8)
    print("images", len(cells), "foreground", round(cells.masks.float().mean().item(), 3))
    trainer = Trainer(UNet(classes=2))
    for epoch in range(2):
        losses = [trainer.step(*batch) for batch in DataLoader(cells, batch_size=2)]
        print("epoch", epoch, "loss", round(sum(losses) / len(losses), 4))
