"""Frames are averaged before a clip meets its notes; the mean goes over the clips."""

import torch
from torch import nn

encoder = nn.Linear(10, 32)


def features(frames, meta):
    video = encoder(frames)
    video = video.mean(dim=0)
    return torch.cat([video, meta], dim=-1)


frames = torch.randn(4, 9, 10)
meta = torch.randn(4, 6)
print(features(frames, meta).shape)
