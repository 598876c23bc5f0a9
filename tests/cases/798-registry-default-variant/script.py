import os
import tempfile

import torch
from torch import nn


class ImageEncoder(nn.Module):
    def __init__(self, embed_dim, depth, num_heads, out_chans=16, patch=8):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, embed_dim, patch, stride=patch)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(embed_dim, num_heads, 2 * embed_dim, dropout=0.0, batch_first=True)
            for _ in range(depth)
        )
        self.neck = nn.Conv2d(embed_dim, out_chans, 1, bias=False)

    def forward(self, x):
        x = self.patch_embed(x)
        h, w = x.shape[-2:]
        x = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.neck(x.transpose(1, 2).unflatten(2, (h, w)))


def build_vit_l(checkpoint=None):
    return _build(48, 2, 6, checkpoint)


def build_vit_b(checkpoint=None):
    return _build(32, 2, 4, checkpoint)


def build_vit_t(checkpoint=None):
    return _build(16, 2, 2, checkpoint)


model_registry = {"default": build_vit_l, "vit_l": build_vit_l, "vit_b": build_vit_b, "vit_t": build_vit_t}


def _build(embed_dim, depth, num_heads, checkpoint):
    encoder = ImageEncoder(embed_dim, depth, num_heads)
    encoder.eval()
    if checkpoint is not None:
        with open(checkpoint, "rb") as f:
            state_dict = torch.load(f)
        encoder.load_state_dict(state_dict)
    return encoder


class Predictor:
    def __init__(self, checkpoint, model_type="default"):
        self.encoder = model_registry[model_type](checkpoint=checkpoint)

    @torch.no_grad()
    def set_image(self, image):
        self.features = self.encoder(image.unsqueeze(0))
        return self.features.shape


def download(folder, name):
    """Writes what the release page offers under that name."""
    torch.manual_seed(0)
    path = os.path.join(folder, name)
    torch.save(model_registry["vit_b"]().state_dict(), path)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = download(folder, "encoder_vit_b_01ec64.pth")
        print("checkpoint", os.path.basename(checkpoint))
        predictor = Predictor(checkpoint)
        print("features", tuple(predictor.set_image(torch.rand(3, 64, 64))))
