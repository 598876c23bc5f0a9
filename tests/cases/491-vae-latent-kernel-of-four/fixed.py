"""Convolutional VAE for album covers."""
import torch
import torch.nn.functional as F
from torch import nn

image_size = 64
batch_size = 4
latent_channels = 24
epochs = 2


def down(c_in, c_out):
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride=2, padding=1), nn.BatchNorm2d(c_out), nn.ELU())


def up(c_in, c_out, scale=2):
    return nn.Sequential(nn.Upsample(scale_factor=scale), nn.Conv2d(c_in, c_out, 3, padding=1), nn.ELU())


class Encoder(nn.Module):
    def __init__(self, channels, ch=8, z=latent_channels):
        super().__init__()
        self.body = nn.Sequential(down(channels, ch), down(ch, 2 * ch), down(2 * ch, 4 * ch))
        self.conv_mu = nn.Conv2d(4 * ch, z, kernel_size=4, stride=4)
        self.conv_log_var = nn.Conv2d(4 * ch, z, kernel_size=4, stride=4)

    def forward(self, x):
        x = self.body(x)
        mu, log_var = self.conv_mu(x), self.conv_log_var(x)
        return mu + torch.randn_like(mu) * (0.5 * log_var).exp(), mu, log_var


class Decoder(nn.Module):
    def __init__(self, channels, ch=8, z=latent_channels):
        super().__init__()
        self.body = nn.Sequential(up(z, 4 * ch, scale=4), up(4 * ch, 2 * ch), up(2 * ch, ch), up(ch, ch))
        self.head = nn.Conv2d(ch, channels, 3, padding=1)

    def forward(self, z):
        return self.head(self.body(z))


class VAE(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.encoder, self.decoder = Encoder(channels), Decoder(channels)

    def forward(self, x):
        encoding, mu, log_var = self.encoder(x)
        return self.decoder(encoding), mu, log_var


def vae_loss(recon, x, mu, log_var):
    recon_loss = F.binary_cross_entropy_with_logits(recon, x)
    kl_loss = -0.5 * (1 + log_var - mu.pow(2) - log_var.exp()).mean()
    return recon_loss + 0.01 * kl_loss


def cover_batches(count=8):
    covers = torch.rand(count, 3, 80, 80)
    covers = F.interpolate(covers, size=(image_size, image_size), mode="bilinear")
    yield from covers.split(batch_size)


if __name__ == "__main__":
    torch.manual_seed(0)
    vae = VAE()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for x in cover_batches():
            recon, mu, log_var = vae(x)
            loss = vae_loss(recon, x, mu, log_var)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
