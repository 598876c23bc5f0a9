import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import ViTConfig, ViTModel

torch.manual_seed(0)
torch.set_num_threads(1)


def to_grid(tokens, side):
    b, _, c = tokens.shape
    return tokens.transpose(1, 2).reshape(b, c, side, side)


class Segmenter(nn.Module):
    def __init__(self, cfg, classes=4):
        super().__init__()
        self.vit = ViTModel(cfg, add_pooling_layer=False)
        self.side = cfg.image_size // cfg.patch_size
        self.decode = nn.Sequential(
            nn.ConvTranspose2d(cfg.hidden_size, 16, 2, stride=2),
            nn.GELU(),
            nn.ConvTranspose2d(16, 16, 2, stride=2),
            nn.GELU(),
            nn.Conv2d(16, classes, 1),
        )

    def forward(self, x):
        tokens = self.vit(pixel_values=x).last_hidden_state
        grid = to_grid(tokens, self.side)
        return F.interpolate(self.decode(grid), size=x.shape[-2:], mode="bilinear")


def iou(pred, target, classes=4):
    scores = []
    for c in range(classes):
        p, t = pred == c, target == c
        scores.append((p & t).sum() / (p | t).sum().clamp(min=1))
    return torch.stack(scores).mean().item()


cfg = ViTConfig(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=48, patch_size=8
)
model = Segmenter(cfg)
opt = torch.optim.AdamW(model.parameters(), 1e-3)
for step in range(3):
    x, y = torch.randn(2, 3, 48, 48), torch.randint(0, 4, (2, 48, 48))
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, iou(logits.argmax(1), y))
