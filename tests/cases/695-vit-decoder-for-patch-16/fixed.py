import torch
import torch.nn as nn

CONFIG = {"image_size": 64, "patch_size": 8, "embed_dim": 48, "depth": 4, "classes": 6}


def conv_block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU())


def up(cin, cout):
    return nn.ConvTranspose2d(cin, cout, kernel_size=2, stride=2)


class ViTBackbone(nn.Module):
    def __init__(self, image_size, patch_size, dim, depth):
        super().__init__()
        self.patchify = nn.Conv2d(3, dim, patch_size, stride=patch_size)
        self.pos = nn.Parameter(torch.randn(1, (image_size // patch_size) ** 2, dim) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, 4, 2 * dim, batch_first=True, norm_first=True) for _ in range(depth)
        )

    def forward(self, x):
        grid = self.patchify(x)
        tokens, maps = grid.flatten(2).transpose(1, 2) + self.pos, []
        for layer in self.layers:
            tokens = layer(tokens)
            maps.append(tokens.transpose(1, 2).reshape(grid.shape))
        return maps


class NucleiSegmenter(nn.Module):
    def __init__(self, image_size, patch_size, embed_dim, depth, classes, width=16):
        super().__init__()
        self.backbone = ViTBackbone(image_size, patch_size, embed_dim, depth)
        self.stages = patch_size.bit_length() - 1
        self.stem = conv_block(3, width)
        self.skips = nn.ModuleList(
            nn.Sequential(up(embed_dim, width), *[up(width, width) for _ in range(i)]) for i in range(self.stages - 1)
        )
        self.ups = nn.ModuleList(up(width if i else embed_dim, width) for i in range(self.stages))
        self.merge = nn.ModuleList(conv_block(2 * width, width) for _ in range(self.stages))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image):
        *earlier, x = self.backbone(image)
        skips = [skip(z) for skip, z in zip(self.skips, reversed(earlier))] + [self.stem(image)]
        for upsample, merge, skip in zip(self.ups, self.merge, skips):
            x = merge(torch.cat([upsample(x), skip], dim=1))
        return self.head(x)


def main():
    torch.manual_seed(0)
    model = NucleiSegmenter(**CONFIG)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(2):
        image = torch.rand(2, 3, CONFIG["image_size"], CONFIG["image_size"])
        target = (image.mean(1) * CONFIG["classes"]).long().clamp(max=CONFIG["classes"] - 1)
        loss = nn.functional.cross_entropy(model(image), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("step", step, "loss", round(loss.item(), 3))


if __name__ == "__main__":
    main()
