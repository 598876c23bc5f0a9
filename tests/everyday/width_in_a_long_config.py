from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Config:
    hidden: int = 64
    wide: int = 256
    classes: int = 10


class Mlp(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(cfg.hidden, cfg.wide),
            nn.GELU(),
            nn.Linear(
                cfg.wide,
                cfg.classes,
            ),
        )

    def forward(self, x):
        return self.net(x)


model = Mlp(
    Config(
        hidden=32,
        classes=5,
    )
)
batch = torch.randn(
    8,
    48,
)
print(model(batch).shape)
