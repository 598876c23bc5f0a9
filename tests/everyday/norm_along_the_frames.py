import torch
from torch import nn


class ConvBlock(nn.Module):
    def __init__(self, channels=64, kernel=5):
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.norm = nn.LayerNorm(channels)
        self.act = nn.GELU()

    def forward(self, x):
        h = self.conv(x)
        h = self.act(self.norm(h))
        return x + h


torch.manual_seed(8)
frames = 64
mel = torch.randn(4, 80, frames) * torch.linspace(0.1, 3, 80)[None, :, None]
stem = nn.Conv1d(80, 64, 1)
blocks = nn.Sequential(ConvBlock(), ConvBlock())
head = nn.Linear(64, 10)
with torch.no_grad():
    feat = blocks(stem(mel)).mean(dim=2)
    logits = head(feat)
print("top score", round(logits.max().item(), 4))
