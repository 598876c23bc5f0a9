import torch
from torch import nn
from transformers import ViTConfig, ViTModel

torch.set_num_threads(1)
torch.manual_seed(0)


class DepthNet(nn.Module):
    """Dense head on a plain ViT."""

    def __init__(self, config):
        super().__init__()
        self.vit = ViTModel(config, add_pooling_layer=False)
        self.grid = config.image_size // config.patch_size
        self.neck = nn.Sequential(nn.Conv2d(config.hidden_size, 16, 1), nn.GELU())
        self.up = nn.Upsample(scale_factor=config.patch_size, mode="bilinear")
        self.out = nn.Conv2d(16, 1, 3, padding=1)

    def features(self, pixels):
        h = self.vit(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state
        b = h.shape[0]
        h = h[:, 1:].reshape(b, self.grid, self.grid, -1)
        return h.permute(0, 3, 1, 2)

    def forward(self, pixels):
        return self.out(self.up(self.neck(self.features(pixels)))).squeeze(1)


config = ViTConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8
)
net = DepthNet(config)
optim = torch.optim.AdamW(net.parameters(), lr=1e-3)

for step, size in enumerate([32, 32, 48]):
    pixels = torch.rand(4, 3, size, size)
    depth = pixels.mean(1)
    loss = (net(pixels) - depth).abs().mean()
    loss.backward()
    optim.step()
    optim.zero_grad()
    print(step, size, loss.item())
