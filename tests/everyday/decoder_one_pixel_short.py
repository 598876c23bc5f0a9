import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mu, self.logvar = nn.Linear(16 * 49, latent), nn.Linear(16 * 49, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 16 * 49),
            nn.ReLU(),
            nn.Unflatten(1, (16, 7, 7)),
            nn.ConvTranspose2d(16, 8, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, kernel_size=3, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decoder(z), mu, logvar


def elbo(recon, x, mu, logvar, beta=1.0):
    rec = F.binary_cross_entropy(recon, x, reduction="sum") / len(x)
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return rec + beta * kl, {"rec": rec.item(), "kl": kl.item()}


def digits(n):
    g = torch.Generator().manual_seed(7)
    base = torch.rand(n, 1, 7, 7, generator=g)
    return F.interpolate(base, size=28, mode="bilinear")


def train(batch=16):
    torch.manual_seed(0)
    model, data = VAE(), digits(64)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x in data.split(batch):
        recon, mu, logvar = model(x)
        loss, parts = elbo(recon, x, mu, logvar)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print({k: round(v, 2) for k, v in parts.items()})


if __name__ == "__main__":
    train()
