import torch
from torch import nn


class UNetModel(nn.Module):
    def __init__(self, in_channels, model_channels=16, learn_sigma=True):
        super().__init__()
        out_channels = in_channels * 2 if learn_sigma else in_channels
        self.time = nn.Sequential(nn.Linear(1, model_channels), nn.SiLU(), nn.Linear(model_channels, model_channels))
        self.inp = nn.Conv2d(in_channels, model_channels, 3, padding=1)
        self.mid = nn.Conv2d(model_channels, model_channels, 3, padding=1)
        self.out = nn.Sequential(nn.GroupNorm(4, model_channels), nn.SiLU(), nn.Conv2d(model_channels, out_channels, 3, padding=1))

    def forward(self, x, timesteps):
        emb = self.time(timesteps[:, None] / 1000)[:, :, None, None]
        h = self.inp(x) + emb
        return self.out(h + self.mid(torch.relu(h)))


class NoiseScheduleVP:
    def __init__(self, beta_0=0.1, beta_1=20.0):
        self.beta_0, self.beta_1 = beta_0, beta_1

    def log_alpha(self, t):
        return -0.25 * t ** 2 * (self.beta_1 - self.beta_0) - 0.5 * t * self.beta_0

    def alpha(self, t):
        return torch.exp(self.log_alpha(t))

    def sigma(self, t):
        return torch.sqrt(1 - torch.exp(2 * self.log_alpha(t)))

    def lambda_(self, t):
        return torch.log(self.alpha(t) / self.sigma(t))


def model_wrapper(model):
    def model_fn(x, t):
        t_input = t.expand(x.shape[0]) * 1000
        return model(x, t_input)
    return model_fn


class DPMSolver:
    def __init__(self, model_fn, schedule, clip=1.0):
        self.model_fn, self.schedule, self.clip = model_fn, schedule, clip

    def data_prediction(self, x, t):
        noise = self.model_fn(x, t)
        alpha_t, sigma_t = self.schedule.alpha(t), self.schedule.sigma(t)
        x0 = (x - sigma_t * noise) / alpha_t
        return x0.clamp(-self.clip, self.clip)

    def first_order_update(self, x, s, t):
        h = self.schedule.lambda_(t) - self.schedule.lambda_(s)
        ratio = self.schedule.sigma(t) / self.schedule.sigma(s)
        return ratio * x - self.schedule.alpha(t) * torch.expm1(-h) * self.data_prediction(x, s)

    def sample(self, x, steps):
        times = torch.linspace(1.0, 1e-3, steps + 1)
        for s, t in zip(times, times[1:]):
            x = self.first_order_update(x, s, t)
            print(f"t {t.item():.3f} std {x.std().item():.4f}")
        return x


@torch.no_grad()
def main():
    torch.manual_seed(0)
    unet = UNetModel(in_channels=3).eval()
    solver = DPMSolver(model_wrapper(unet), NoiseScheduleVP())
    images = solver.sample(torch.randn(2, 3, 16, 16), steps=4)
    print("images", tuple(images.shape))


main()
