import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

CONFIG = dict(batch_size=8, latent=12, channels=8, side=16, d_lr=2e-3, g_lr=1e-3, iterations=6)


class MinibatchStdLayer(nn.Module):
    def __init__(self, group_size=4, num_channels=1):
        super().__init__()
        self.group_size = group_size
        self.num_channels = num_channels

    def forward(self, x):
        N, C, H, W = x.shape
        G = min(self.group_size, N)
        F_ = self.num_channels
        y = x.reshape(G, -1, F_, C // F_, H, W)
        y = y - y.mean(dim=0)
        y = (y.square().mean(dim=0) + 1e-8).sqrt().mean(dim=[2, 3, 4])
        y = y.reshape(-1, F_, 1, 1).repeat(G, 1, H, W)
        return torch.cat([x, y], dim=1)


class Discriminator(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, ch, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(ch, 2 * ch, 4, 2, 1), nn.LeakyReLU(0.2),
        )
        self.epilogue = nn.Sequential(
            MinibatchStdLayer(), nn.Conv2d(2 * ch + 1, 2 * ch, 3, 1, 1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(2 * ch * 16, 1),
        )

    def forward(self, img):
        return self.epilogue(self.body(img)).squeeze(1)


def make_generator(latent, ch, side):
    return nn.Sequential(nn.Linear(latent, 2 * ch * 16), nn.Unflatten(1, (2 * ch, 4, 4)), nn.ReLU(),
                         nn.ConvTranspose2d(2 * ch, ch, 4, 2, 1), nn.ReLU(),
                         nn.ConvTranspose2d(ch, 3, 4, 2, 1), nn.Tanh())


def endless(loader):
    while True:
        for (images,) in loader:
            yield images


def run(cfg):
    torch.manual_seed(0)
    photos = TensorDataset(torch.rand(30, 3, cfg["side"], cfg["side"]) * 2 - 1)
    batches = endless(DataLoader(photos, batch_size=cfg["batch_size"], shuffle=True, drop_last=True))
    G, D = make_generator(cfg["latent"], cfg["channels"], cfg["side"]), Discriminator(cfg["channels"])
    g_opt = torch.optim.Adam(G.parameters(), cfg["g_lr"])
    d_opt = torch.optim.Adam(D.parameters(), cfg["d_lr"])
    for it in range(cfg["iterations"]):
        real = next(batches)
        fake = G(torch.randn(cfg["batch_size"], cfg["latent"]))
        d_loss = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()
        d_opt.zero_grad()
        d_loss.backward()
        d_opt.step()
        g_loss = F.softplus(-D(fake)).mean()
        g_opt.zero_grad()
        g_loss.backward()
        g_opt.step()
        print(f"it {it} d_loss {d_loss.item():.4f} g_loss {g_loss.item():.4f}")


if __name__ == "__main__":
    run(CONFIG)
