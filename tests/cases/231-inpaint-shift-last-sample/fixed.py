import torch
import torch.nn as nn
import torch.nn.functional as F


class ShiftLayer(nn.Module):
    """Fills the hole of a feature map with its most similar context columns."""

    def __init__(self, hole):
        super().__init__()
        self.hole = hole

    def inside(self, h, w):
        top, left, size = self.hole
        mask = torch.zeros(h, w, dtype=torch.bool)
        mask[top:top + size, left:left + size] = True
        return mask.flatten()

    def forward(self, x):
        n, c, h, w = x.shape
        mask = self.inside(h, w)
        flat = x.flatten(2)
        shifted = torch.zeros_like(flat)
        for idx in range(n):
            feats = flat[idx]
            hole, context = feats[:, mask], feats[:, ~mask]
            likeness = F.normalize(hole, dim=0).t() @ F.normalize(context, dim=0)
            shifted[idx][:, mask] = context[:, likeness.argmax(1)]
        return shifted.view(n, c, h, w)


class ShiftUnet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.enc1 = nn.Conv2d(4, width, 4, stride=2, padding=1)
        self.enc2 = nn.Conv2d(width, width, 4, stride=2, padding=1)
        self.dec2 = nn.ConvTranspose2d(width, width, 4, stride=2, padding=1)
        self.shift = ShiftLayer((4, 4, 8))
        self.dec1 = nn.ConvTranspose2d(3 * width, 3, 4, stride=2, padding=1)

    def forward(self, picture):
        skip = F.leaky_relu(self.enc1(picture), 0.2)
        deep = F.leaky_relu(self.enc2(skip), 0.2)
        up = F.relu(self.dec2(deep))
        moved = self.shift(up)
        return torch.tanh(self.dec1(torch.cat([up, skip, moved], dim=1)))


def masked(pictures):
    holes = torch.ones_like(pictures[:, :1])
    holes[..., 8:24, 8:24] = 0
    return torch.cat([pictures * holes, holes], dim=1)


def main():
    torch.manual_seed(0)
    net = ShiftUnet()
    optim = torch.optim.Adam(net.parameters(), 1e-3)
    for batch_size in (1, 4):
        truth = torch.rand(batch_size, 3, 32, 32) * 2 - 1
        loss = F.l1_loss(net(masked(truth)), truth)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"batch of {batch_size}: l1 {loss.item():.4f}")


if __name__ == "__main__":
    main()
