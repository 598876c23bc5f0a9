import torch
from torch import nn
import torch.nn.functional as F


class UNetConvBlock(nn.Module):
    def __init__(self, in_size, out_size, padding):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(in_size, out_size, kernel_size=3, padding=int(padding)), nn.ReLU(),
            nn.Conv2d(out_size, out_size, kernel_size=3, padding=int(padding)), nn.ReLU(),
        )

    def forward(self, x):
        return self.block(x)


class UNetUpBlock(nn.Module):
    def __init__(self, in_size, out_size, padding):
        super().__init__()
        self.up = nn.ConvTranspose2d(in_size, out_size, kernel_size=2, stride=2)
        self.conv_block = UNetConvBlock(in_size, out_size, padding)

    def center_crop(self, layer, target_size):
        dy = (layer.size(2) - target_size[0]) // 2
        dx = (layer.size(3) - target_size[1]) // 2
        return layer[:, :, dy:dy + target_size[0], dx:dx + target_size[1]]

    def forward(self, x, bridge):
        up = self.up(x)
        return self.conv_block(torch.cat([up, self.center_crop(bridge, up.shape[2:])], 1))


class UNet(nn.Module):
    def __init__(self, in_channels=1, n_classes=2, depth=5, wf=6, padding=False):
        super().__init__()
        sizes = [2 ** (wf + i) for i in range(depth)]
        self.down_path = nn.ModuleList(
            UNetConvBlock(a, b, padding) for a, b in zip([in_channels] + sizes, sizes))
        self.up_path = nn.ModuleList(
            UNetUpBlock(b, a, padding) for a, b in reversed(list(zip(sizes, sizes[1:]))))
        self.last = nn.Conv2d(sizes[0], n_classes, kernel_size=1)

    def forward(self, x):
        blocks = []
        for i, down in enumerate(self.down_path):
            x = down(x)
            if i != len(self.down_path) - 1:
                blocks.append(x)
                x = F.max_pool2d(x, 2)
        for up, bridge in zip(self.up_path, reversed(blocks)):
            x = up(x, bridge)
        return self.last(x)


def scenes(n, batch_size=2, shape=(60, 92), n_classes=5):
    for _ in range(n):
        label = torch.randint(0, n_classes, (batch_size, *shape))
        yield torch.rand(batch_size, 3, *shape) + label.unsqueeze(1) / n_classes, label


if __name__ == "__main__":
    torch.manual_seed(0)
    model = UNet(in_channels=3, n_classes=5, depth=3, wf=3)
    optim = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("parameters", sum(p.numel() for p in model.parameters()))
    for X, y in scenes(3):
        prediction = model(X)
        loss = F.cross_entropy(prediction, y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print("loss", round(loss.item(), 4))
