import numpy as np
import torch
import torch.nn as nn


class BasicBlock(nn.Module):
    def __init__(self, channels, n_groups=4):
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(n_groups, channels), nn.ReLU(), nn.Conv3d(channels, channels, 3, padding=1),
            nn.GroupNorm(n_groups, channels), nn.ReLU(), nn.Conv3d(channels, channels, 3, padding=1))

    def forward(self, x):
        return x + self.body(x)


class UNetEncoder(nn.Module):
    def __init__(self, in_channels, width):
        super().__init__()
        layers = [nn.Conv3d(in_channels, width, 3, padding=1), BasicBlock(width)]
        for i in range(3):
            layers += [nn.Conv3d(width * 2 ** i, width * 2 ** (i + 1), 3, stride=2, padding=1),
                       BasicBlock(width * 2 ** (i + 1))]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class VAEBranch(nn.Module):
    def __init__(self, input_shape, init_channels, out_channels, squeeze_channels=None):
        super().__init__()
        self.input_shape = input_shape
        self.squeeze_channels = squeeze_channels or init_channels * 4
        self.hidden_conv = nn.Sequential(
            nn.GroupNorm(4, init_channels * 8), nn.ReLU(),
            nn.Conv3d(init_channels * 8, self.squeeze_channels, 3, padding=1), nn.AdaptiveAvgPool3d(1))
        self.mu_fc = nn.Linear(self.squeeze_channels // 2, self.squeeze_channels // 2)
        self.logvar_fc = nn.Linear(self.squeeze_channels // 2, self.squeeze_channels // 2)
        voxels = int(np.prod(input_shape)) // 16 ** 3
        self.reconstruction = nn.Sequential(nn.Linear(self.squeeze_channels // 2, init_channels * 8 * voxels), nn.ReLU())
        ups = [nn.Conv3d(init_channels * 8, init_channels * 8, 1), nn.Upsample(scale_factor=2)]
        for c in (4, 2, 1):
            ups += [nn.Conv3d(init_channels * c * 2, init_channels * c, 3, padding=1), nn.Upsample(scale_factor=2),
                    BasicBlock(init_channels * c)]
        self.up = nn.Sequential(*ups, nn.Conv3d(init_channels, out_channels, 1))

    def forward(self, x):
        x = self.hidden_conv(x).flatten(1)
        mu, logvar = x.chunk(2, dim=1)
        mu, logvar = self.mu_fc(mu), self.logvar_fc(logvar)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        d, h, w = (side // 16 for side in self.input_shape)
        recon_shape = [z.size(0), self.squeeze_channels * 2, d, h, w]
        re_x = self.reconstruction(z)
        re_x = re_x.view(recon_shape)
        return self.up(re_x), mu, logvar


def main():
    torch.manual_seed(0)
    shape = (32, 32, 16)
    encoder, vae = UNetEncoder(4, 4), VAEBranch(shape, init_channels=4, out_channels=4)
    optim = torch.optim.Adam([*encoder.parameters(), *vae.parameters()], lr=1e-3)
    for it in range(3):
        scans = torch.randn(2, 4, *shape)
        recon, mu, logvar = vae(encoder(scans))
        kl = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).mean()
        loss = nn.functional.mse_loss(recon, scans) + 0.1 * kl
        optim.zero_grad(), loss.backward(), optim.step()
        print(f"iter {it} loss {loss.item():.4f}")


main()
