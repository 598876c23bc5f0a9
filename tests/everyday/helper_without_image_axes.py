import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
torch.set_num_threads(1)


def cosine_betas(steps, s=0.008):
    x = torch.linspace(0, steps, steps + 1)
    a = torch.cos((x / steps + s) / (1 + s) * torch.pi / 2) ** 2
    return (1 - a[1:] / a[:-1]).clamp(max=0.999)


def extract(values, t):
    return values.gather(0, t)


class Diffusion:
    def __init__(self, steps=100):
        self.steps = steps
        abar = torch.cumprod(1 - cosine_betas(steps), 0)
        self.sqrt_abar, self.sqrt_one_minus = abar.sqrt(), (1 - abar).sqrt()

    def q_sample(self, x0, t, noise):
        return extract(self.sqrt_abar, t) * x0 + extract(self.sqrt_one_minus, t) * noise

    def loss(self, net, x0):
        t = torch.randint(0, self.steps, (x0.size(0),))
        noise = torch.randn_like(x0)
        return F.mse_loss(net(self.q_sample(x0, t, noise), t), noise)


class Denoiser(nn.Module):
    def __init__(self, width=16, steps=100):
        super().__init__()
        self.time = nn.Embedding(steps, width)
        self.inp = nn.Conv2d(1, width, 3, padding=1)
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x, t):
        h = self.inp(x) + self.time(t)[:, :, None, None]
        return self.out(F.silu(h))


net, diffusion = Denoiser(), Diffusion()
opt = torch.optim.AdamW(net.parameters(), 2e-3)
images = torch.rand(68, 1, 16, 16) * 2 - 1
for epoch in range(2):
    for x0 in DataLoader(images, batch_size=16, shuffle=True):
        loss = diffusion.loss(net, x0)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
