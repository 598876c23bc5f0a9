import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

ATTRIBUTES = ("smiling", "glasses", "hat", "beard")


class FaceAttributes(Dataset):
    def __init__(self, rows, size=32):
        gen = torch.Generator().manual_seed(0)
        self.images = torch.rand(len(rows), 3, size, size, generator=gen) * 2 - 1
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        present = [float(name in self.rows[i]) for name in ATTRIBUTES]
        attrs = torch.tensor(present).view(-1, 1, 1)
        return self.images[i], attrs


class Encoder(nn.Module):
    def __init__(self, n_attrs, latent=16):
        super().__init__()
        self.n_attrs = n_attrs
        self.net = nn.Sequential(
            nn.Conv2d(3 + n_attrs, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2),
            nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2), nn.Flatten(),
        )
        self.mu, self.logvar = nn.Linear(16 * 64, latent), nn.Linear(16 * 64, latent)

    def forward(self, x, attrs):
        if self.n_attrs:
            w, h = x.shape[-2:]
            expanded = attrs.view(*attrs.shape, 1, 1).expand(*attrs.shape, w, h)
            x = torch.cat((x, expanded), dim=1)
        h = self.net(x)
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    def __init__(self, n_attrs, latent=16):
        super().__init__()
        self.fc = nn.Linear(latent + n_attrs, 16 * 64)
        self.net = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh(),
        )

    def forward(self, z, attrs):
        z = torch.cat((z, attrs.flatten(1)), dim=1)
        return self.net(self.fc(z).view(-1, 16, 8, 8))


class ConditionalVAE:
    def __init__(self, n_attrs):
        self.enc, self.dec = Encoder(n_attrs), Decoder(n_attrs)
        self.opt = torch.optim.Adam([*self.enc.parameters(), *self.dec.parameters()], lr=1e-3)

    def train_step(self, img, attrs):
        mu, logvar = self.enc(img, attrs)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        loss = (self.dec(z, attrs) - img).pow(2).flatten(1).sum(1).mean() + kl
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    faces = FaceAttributes([("smiling",), ("glasses", "hat"), (), ("beard",), ("smiling", "beard"), ("hat",)] * 2)
    print("faces", len(faces), "attributes", len(ATTRIBUTES))
    model = ConditionalVAE(len(ATTRIBUTES))
    for epoch in range(2):
        losses = [model.train_step(img, attrs) for img, attrs in DataLoader(faces, batch_size=6)]
        print("epoch", epoch, "loss", round(sum(losses) / len(losses), 2))
