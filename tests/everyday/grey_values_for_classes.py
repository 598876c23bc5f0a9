import torch
import torch.nn.functional as F
from torch import nn

names = ["background", "road", "car", "sky"]


def to_classes(gray):
    return (gray * 255).long()


model = nn.Conv2d(3, len(names), 1)
image, mask = torch.rand(2, 3, 8, 8), torch.rand(2, 8, 8)
target = to_classes(mask)
print(F.cross_entropy(model(image), target))
