"""VAE for single-channel scans, trained with a pixel loss, a KL term and a feature loss."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class FeatureExtractor(nn.Module):
    """First blocks of a network trained on photographs."""

    def __init__(self, depth=3):
        super().__init__()
        widths = [3, 8, 16, 32]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
            for a, b in zip(widths[:depth], widths[1:depth + 1])
        )
        self.requires_grad_(False)

    def forward(self, x):
        outs = []
        for block in self.blocks:
            x = block(x)
            outs.append(x)
        return outs


class VAE(nn.Module):
    def __init__(self, image_channels, ch=8, z=12):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(image_channels, ch, 4, 2, 1), nn.ELU(), nn.Conv2d(ch, 2 * ch, 4, 2, 1), nn.ELU()
        )
        self.mu, self.log_var = nn.Conv2d(2 * ch, z, 8), nn.Conv2d(2 * ch, z, 8)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(z, 2 * ch, 8), nn.ELU(), nn.ConvTranspose2d(2 * ch, ch, 4, 2, 1), nn.ELU(),
            nn.ConvTranspose2d(ch, image_channels, 4, 2, 1),
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, log_var = self.mu(h), self.log_var(h)
        code = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        return self.decoder(code), mu, log_var


def kl_loss(mu, log_var):
    return -0.5 * (1 + log_var - mu ** 2 - log_var.exp()).mean()


def feature_loss(img, recon, extractor):
    both = torch.cat((img, torch.sigmoid(recon)), dim=0).expand(-1, 3, -1, -1)
    loss = 0.0
    for out in extractor(both):
        real, fake = out.chunk(2, dim=0)
        loss = loss + (real - fake).pow(2).mean()
    return loss


def train(vae, extractor, scans, epochs=2):
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in scans.split(4):
            recon, mu, log_var = vae(batch)
            loss = F.binary_cross_entropy_with_logits(recon, batch) + 0.1 * kl_loss(mu, log_var)
            loss = loss + feature_loss(batch, recon, extractor)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(5)
    scans = torch.rand(8, 1, 32, 32)
    train(VAE(image_channels=scans.size(1)), FeatureExtractor(), scans)
