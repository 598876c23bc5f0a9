import torch
import torch.nn as nn


class UNet(nn.Module):
    def __init__(self, in_channels=3, out_channels=1, widths=(8, 16, 32), bottleneck=64):
        super().__init__()
        self.encoders = nn.ModuleList()
        channels = in_channels
        for width in widths:
            self.encoders.append(self.double_conv(channels, width))
            channels = width
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = self.double_conv(channels, bottleneck)
        self.decoders = nn.ModuleList()
        channels = bottleneck
        for width in reversed(widths):
            self.decoders.append(self.up(channels, width))
            channels = 2 * width
        self.head = nn.Conv2d(channels, out_channels, kernel_size=1)

    @staticmethod
    def double_conv(in_channels, out_channels):
        return nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True),
        )

    def up(self, in_channels, out_channels):
        return nn.Sequential(
            nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2),
            self.double_conv(out_channels, out_channels),
        )

    def forward(self, x):
        skips = []
        for encoder in self.encoders:
            x = encoder(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for decoder, skip in zip(self.decoders, reversed(skips)):
            x = decoder(x)
            x = torch.cat([x, skip], dim=1)
        return self.head(x)


def cell_images(n, size=48):
    gen = torch.Generator().manual_seed(6)
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for _ in range(n):
        cy, cx = torch.randint(12, size - 12, (2,), generator=gen)
        mask = ((yy - cy) ** 2 + (xx - cx) ** 2 < 64).float()
        yield mask + 0.3 * torch.randn(3, size, size, generator=gen), mask.unsqueeze(0)


def main():
    torch.manual_seed(0)
    model = UNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    images, masks = map(torch.stack, zip(*cell_images(4)))
    for step in range(3):
        loss = nn.functional.binary_cross_entropy_with_logits(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
