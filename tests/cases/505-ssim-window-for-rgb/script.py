import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    """Blobs of light on a black 28 x 28 ground."""

    def __init__(self, n):
        g = torch.Generator().manual_seed(5)
        ys, xs = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
        centres = 6 + 16 * torch.rand(n, 2, 1, 1, generator=g)
        self.images = torch.exp(-((ys - centres[:, 0]) ** 2 + (xs - centres[:, 1]) ** 2) / 12).unsqueeze(1)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i]


def gaussian_window(size, sigma, channel):
    coords = torch.arange(size).float() - size // 2
    g = torch.exp(-coords ** 2 / (2 * sigma ** 2))
    g = g / g.sum()
    return (g[:, None] * g[None, :]).expand(channel, 1, size, size).contiguous()


class SSIM(nn.Module):
    def __init__(self, window_size=11, sigma=1.5, channel=3, data_range=1.0):
        super().__init__()
        self.channel = channel
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        self.register_buffer("window", gaussian_window(window_size, sigma, channel))

    def blur(self, x):
        return F.conv2d(x, self.window, groups=self.channel)

    def forward(self, x, y):
        mu_x, mu_y = self.blur(x), self.blur(y)
        var_x = self.blur(x * x) - mu_x ** 2
        var_y = self.blur(y * y) - mu_y ** 2
        cov = self.blur(x * y) - mu_x * mu_y
        score = (2 * mu_x * mu_y + self.c1) * (2 * cov + self.c2)
        return (score / ((mu_x ** 2 + mu_y ** 2 + self.c1) * (var_x + var_y + self.c2))).mean()


class AutoEncoder(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, latent))
        self.decode = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())

    def forward(self, x):
        return self.decode(self.encode(x)).view_as(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    model, ssim = AutoEncoder(), SSIM()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, images in enumerate(DataLoader(Digits(24), batch_size=8)):
        recon = model(images)
        loss = F.l1_loss(recon, images) + 0.2 * (1 - ssim(recon, images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")
