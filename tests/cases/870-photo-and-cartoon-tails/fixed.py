import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

BATCH = 16


def conv(cin, cout, stride=1):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1), nn.BatchNorm2d(cout), nn.LeakyReLU(0.2))


class Generator(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down = nn.Sequential(conv(3, width), conv(width, width * 2, 2))
        self.up = nn.Sequential(nn.ConvTranspose2d(width * 2, width, 4, 2, 1), nn.ReLU(), nn.Conv2d(width, 3, 7, 1, 3))

    def forward(self, x):
        return torch.tanh(self.up(self.down(x)))


class Discriminator(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.net = nn.Sequential(conv(3, width), conv(width, width * 2, 2), conv(width * 2, width * 4, 2),
                                 nn.Conv2d(width * 4, 1, 3, 1, 1))

    def forward(self, x):
        return torch.sigmoid(self.net(x))


class DiscriminatorLoss(nn.Module):
    """Cartoons are real; cartoons with the edges smoothed away and generated images are not."""

    def forward(self, on_cartoons, on_smoothed, on_generated):
        return (F.binary_cross_entropy(on_cartoons, torch.ones_like(on_cartoons))
                + F.binary_cross_entropy(on_smoothed, torch.zeros_like(on_smoothed))
                + F.binary_cross_entropy(on_generated, torch.zeros_like(on_generated)))


def folder(count, seed):
    gen = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(torch.rand(count, 3, 16, 16, generator=gen) * 2 - 1), batch_size=BATCH)


def train(photos, cartoons, epochs=1):
    g, d = Generator(), Discriminator()
    d_loss = DiscriminatorLoss()
    opt_g, opt_d = (torch.optim.Adam(m.parameters(), 2e-4, betas=(0.5, 0.999)) for m in (g, d))
    for epoch in range(epochs):
        for step, ((photo,), (cartoon,)) in enumerate(zip(photos, cartoons)):
            smoothed = F.avg_pool2d(cartoon, 3, 1, 1)
            generated = g(photo)
            loss_d = d_loss(d(cartoon), d(smoothed), d(generated.detach()))
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()
            score = d(generated)
            loss_g = F.binary_cross_entropy(score, torch.ones_like(score)) + 10 * F.l1_loss(generated, photo)
            opt_g.zero_grad()
            loss_g.backward()
            opt_g.step()
            print(f"epoch {epoch} step {step} D {loss_d.item():.4f} G {loss_g.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(folder(42, seed=1), folder(60, seed=2))
