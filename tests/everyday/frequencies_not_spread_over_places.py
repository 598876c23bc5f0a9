import math

import torch
from torch import nn


class Positions(nn.Module):
    def __init__(self, dim, max_len=50):
        super().__init__()
        place = torch.arange(max_len)
        rate = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
        angle = place * rate
        self.register_buffer("pe", torch.cat([angle.sin(), angle.cos()], dim=-1))


Positions(16)
