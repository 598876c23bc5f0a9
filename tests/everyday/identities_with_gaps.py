import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

FILES = [f"{who:03d}_{shot}.png" for who in (0, 2, 3, 5, 8) for shot in range(6)]


class Faces(Dataset):
    def __init__(self, files):
        self.items = [(path, int(path.split("_")[0])) for path in files]
        self.identities = [who for _, who in self.items]

    @property
    def num_classes(self):
        return len(set(self.identities))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        path, who = self.items[i]
        gen = torch.Generator().manual_seed(i)
        return torch.randn(16, generator=gen) + who, who


class ArcMargin(nn.Module):
    def __init__(self, features, classes, scale=16.0, margin=0.3):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, features))
        self.scale, self.margin = scale, margin

    def forward(self, x, label):
        cosine = F.linear(F.normalize(x), F.normalize(self.weight)).clamp(-1 + 1e-6, 1 - 1e-6)
        phi = cosine * math.cos(self.margin) - (1 - cosine**2).sqrt() * math.sin(self.margin)
        hot = torch.zeros_like(cosine).scatter_(1, label.view(-1, 1), 1.0)
        return self.scale * (hot * phi + (1 - hot) * cosine)


def main():
    torch.manual_seed(0)
    faces = Faces(FILES)
    backbone = nn.Sequential(nn.Linear(16, 32), nn.PReLU(), nn.Linear(32, 24))
    margin = ArcMargin(24, faces.num_classes)
    opt = torch.optim.SGD([*backbone.parameters(), *margin.parameters()], 0.01)
    for x, who in DataLoader(faces, batch_size=10, shuffle=True):
        loss = F.cross_entropy(margin(backbone(x), who), who)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("%.3f" % loss)


main()
