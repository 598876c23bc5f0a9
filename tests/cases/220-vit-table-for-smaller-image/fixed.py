"""Extract image features with a vision transformer and compare pictures."""
import torch
from torch import nn
from torch.nn import functional as F

CONFIGS = {
    "S_8": {"image_size": 32, "patch": 8, "width": 32, "heads": 4, "depth": 2},
    "B_8": {"image_size": 32, "patch": 8, "width": 64, "heads": 8, "depth": 3},
}
INPUT_SIZE = 48


class Positions(nn.Module):
    def __init__(self, count, width):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, count, width) * 0.02)

    def forward(self, x):
        x = x + self.table
        return x


class ViT(nn.Module):
    def __init__(self, name, image_size=None):
        super().__init__()
        cfg = CONFIGS[name]
        side = (image_size or cfg["image_size"]) // cfg["patch"]
        width = cfg["width"]
        self.patches = nn.Conv2d(3, width, kernel_size=cfg["patch"], stride=cfg["patch"])
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = Positions(side * side + 1, width)
        layer = nn.TransformerEncoderLayer(width, cfg["heads"], 2 * width, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, cfg["depth"], enable_nested_tensor=False)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.size(0), -1, -1), x], dim=1)
        return self.blocks(self.positions(x))[:, 0]


class Extractor:
    def __init__(self, name):
        torch.manual_seed(0)
        self.model = ViT(name, image_size=INPUT_SIZE).eval()

    def prepare(self, picture):
        return F.interpolate(picture.unsqueeze(0), size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear")

    @torch.no_grad()
    def __call__(self, pictures):
        return self.model(torch.cat([self.prepare(p) for p in pictures]))


if __name__ == "__main__":
    torch.manual_seed(1)
    album = [torch.rand(3, 60, 80), torch.rand(3, 64, 64), torch.rand(3, 100, 50)]
    features = Extractor("S_8")(album)
    print("features", tuple(features.shape))
    print("similarity %.4f" % F.cosine_similarity(features[0], features[1], dim=0).item())
