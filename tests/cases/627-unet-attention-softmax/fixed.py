import math

import torch
import torch.nn.functional as F
from torch import nn


class TimeEmbedding(nn.Module):
    def __init__(self, n_channels):
        super().__init__()
        self.n_channels = n_channels
        self.lin = nn.Linear(n_channels, n_channels)

    def forward(self, t):
        half = self.n_channels // 2
        freqs = torch.exp(torch.arange(half) * -(math.log(10_000) / (half - 1)))
        emb = t[:, None] * freqs[None, :]
        return F.silu(self.lin(torch.cat((emb.sin(), emb.cos()), dim=1)))


class ResidualBlock(nn.Module):
    def __init__(self, channels, time_channels):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(4, channels), nn.GroupNorm(4, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.time_emb = nn.Linear(time_channels, channels)

    def forward(self, x, t):
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb(t)[:, :, None, None]
        return x + self.conv2(F.silu(self.norm2(h)))


class AttentionBlock(nn.Module):
    def __init__(self, n_channels, n_heads=2, d_k=8):
        super().__init__()
        self.projection = nn.Linear(n_channels, n_heads * d_k * 3)
        self.output = nn.Linear(n_heads * d_k, n_channels)
        nn.init.normal_(self.projection.weight, std=0.5)
        self.scale = d_k ** -0.5
        self.n_heads, self.d_k = n_heads, d_k

    def forward(self, x):
        batch_size, n_channels, height, width = x.shape
        x = x.view(batch_size, n_channels, -1).permute(0, 2, 1)
        qkv = self.projection(x).view(batch_size, -1, self.n_heads, 3 * self.d_k)
        q, k, v = torch.chunk(qkv, 3, dim=-1)
        attn = torch.einsum("bihd,bjhd->bijh", q, k) * self.scale
        attn = attn.softmax(dim=2)
        res = torch.einsum("bijh,bjhd->bihd", attn, v)
        res = self.output(res.reshape(batch_size, -1, self.n_heads * self.d_k)) + x
        return res.permute(0, 2, 1).view(batch_size, n_channels, height, width)


class UNet(nn.Module):
    def __init__(self, channels=16):
        super().__init__()
        self.time = TimeEmbedding(channels)
        self.inp = nn.Conv2d(1, channels, 3, padding=1)
        self.down = nn.Conv2d(channels, channels, 4, stride=2, padding=1)
        self.block, self.attn = ResidualBlock(channels, channels), AttentionBlock(channels)
        self.up = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1)
        self.out = nn.Conv2d(2 * channels, 1, 3, padding=1)

    def forward(self, x, t):
        t, x = self.time(t), self.inp(x)
        h = self.attn(self.block(self.down(x), t))
        return self.out(torch.cat((x, self.up(h)), dim=1))


class DenoiseDiffusion:
    def __init__(self, eps_model, n_steps):
        self.eps_model, self.n_steps = eps_model, n_steps
        self.alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.05, n_steps), dim=0)

    def loss(self, x0):
        t = torch.randint(0, self.n_steps, (x0.shape[0],))
        noise = torch.randn_like(x0)
        a = self.alpha_bar[t].view(-1, 1, 1, 1)
        return F.mse_loss(self.eps_model(a.sqrt() * x0 + (1 - a).sqrt() * noise, t.float()), noise)


def main():
    torch.manual_seed(0)
    model = UNet()
    diffusion = DenoiseDiffusion(model, n_steps=100)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    images = (torch.rand(64, 1, 4, 4) > 0.5).float().repeat_interleave(4, 2).repeat_interleave(4, 3) * 2 - 1
    for step in range(60):
        loss = diffusion.loss(images[torch.randperm(64)[:16]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            print(f"step {step + 1:>3} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
