import torch
import torch.nn as nn
from torch import autograd


class Generator(nn.Module):
    def __init__(self, z_dim, channels):
        super().__init__()
        self.main_module = nn.Sequential(
            nn.ConvTranspose2d(z_dim, 32, 4), nn.BatchNorm2d(32), nn.ReLU(True),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(True),
            nn.ConvTranspose2d(16, channels, 4, stride=2, padding=1), nn.Tanh(),
        )

    def forward(self, z):
        return self.main_module(z)


class Discriminator(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.main_module = nn.Sequential(
            nn.Conv2d(channels, 16, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),
        )
        self.output = nn.Conv2d(32, 1, 4)

    def forward(self, x):
        return self.output(self.main_module(x))


class WGAN_GP:
    def __init__(self, channels=1, batch_size=8, z_dim=12, critic_iter=2, lambda_term=10):
        self.batch_size, self.z_dim = batch_size, z_dim
        self.critic_iter, self.lambda_term = critic_iter, lambda_term
        self.G, self.D = Generator(z_dim, channels), Discriminator(channels)
        self.d_optimizer = torch.optim.Adam(self.D.parameters(), lr=1e-4, betas=(0.5, 0.999))
        self.g_optimizer = torch.optim.Adam(self.G.parameters(), lr=1e-4, betas=(0.5, 0.999))

    def noise(self):
        return torch.randn(self.batch_size, self.z_dim, 1, 1)

    def calculate_gradient_penalty(self, real_images, fake_images):
        eta = torch.rand(self.batch_size, 1, 1, 1)
        interpolated = (eta * real_images + (1 - eta) * fake_images).requires_grad_(True)
        prob_interpolated = self.D(interpolated)
        gradients = autograd.grad(outputs=prob_interpolated, inputs=interpolated,
                                  grad_outputs=torch.ones_like(prob_interpolated),
                                  create_graph=True, retain_graph=True)[0]
        return ((gradients.flatten(1).norm(2, dim=1) - 1) ** 2).mean() * self.lambda_term

    def critic_step(self, images):
        self.d_optimizer.zero_grad()
        fake = self.G(self.noise()).detach()
        penalty = self.calculate_gradient_penalty(images, fake)
        wasserstein = self.D(images).mean() - self.D(fake).mean()
        (penalty - wasserstein).backward()
        self.d_optimizer.step()
        return wasserstein.item(), penalty.item()

    def train(self, data, generator_iters):
        for g_iter in range(generator_iters):
            for _ in range(self.critic_iter):
                wasserstein, penalty = self.critic_step(next(data))
            self.g_optimizer.zero_grad()
            g_loss = -self.D(self.G(self.noise())).mean()
            g_loss.backward()
            self.g_optimizer.step()
            print(f"Generator iteration: {g_iter} W: {wasserstein:.4f} gp: {penalty:.4f} g_loss: {g_loss.item():.4f}")


def get_infinite_batches(batch_size, side=16):
    grid = torch.linspace(-1, 1, side)
    while True:
        centre = torch.rand(batch_size, 2, 1, 1) - 0.5
        blob = (grid[None, :, None] - centre[:, 0]) ** 2 + (grid[None, None, :] - centre[:, 1]) ** 2
        yield (2 * torch.exp(-6 * blob) - 1).unsqueeze(1)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = WGAN_GP()
    model.train(get_infinite_batches(model.batch_size), generator_iters=3)
