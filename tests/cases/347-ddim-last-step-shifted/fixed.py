import numpy as np
import torch
import torch.nn as nn


def make_beta_schedule(n_timestep, linear_start=1e-3, linear_end=6e-2):
    return np.linspace(linear_start ** 0.5, linear_end ** 0.5, n_timestep) ** 2


def make_ddim_timesteps(ddim_discr_method, num_ddim_timesteps, num_ddpm_timesteps):
    if ddim_discr_method == "uniform":
        c = num_ddpm_timesteps // num_ddim_timesteps
        ddim_timesteps = np.asarray(list(range(0, num_ddpm_timesteps - 1, c)))
    elif ddim_discr_method == "quad":
        ddim_timesteps = (np.linspace(0, np.sqrt(num_ddpm_timesteps * .8), num_ddim_timesteps) ** 2).astype(int)
    else:
        raise NotImplementedError(ddim_discr_method)
    return ddim_timesteps + 1


def make_ddim_sampling_parameters(alphacums, ddim_timesteps, eta):
    alphas = alphacums[ddim_timesteps]
    alphas_prev = torch.cat([alphacums[:1], alphas[:-1]])
    sigmas = eta * torch.sqrt((1 - alphas_prev) / (1 - alphas) * (1 - alphas / alphas_prev))
    return sigmas, alphas, alphas_prev


class LatentDiffusion(nn.Module):
    def __init__(self, channels=4, timesteps=100):
        super().__init__()
        self.num_timesteps = timesteps
        betas = make_beta_schedule(timesteps)
        self.register_buffer("alphas_cumprod", torch.tensor(np.cumprod(1 - betas), dtype=torch.float32))
        self.time = nn.Embedding(timesteps, 16)
        self.inp = nn.Conv2d(channels, 16, 3, padding=1)
        self.out = nn.Conv2d(16, channels, 3, padding=1)

    def apply_model(self, x, t):
        return self.out(torch.relu(self.inp(x) + self.time(t)[:, :, None, None]))


class DDIMSampler:
    def __init__(self, model):
        self.model = model

    def make_schedule(self, ddim_num_steps, ddim_discretize="uniform", ddim_eta=0.0):
        self.ddim_timesteps = torch.from_numpy(
            make_ddim_timesteps(ddim_discretize, ddim_num_steps, self.model.num_timesteps))
        self.sigmas, self.alphas, self.alphas_prev = make_ddim_sampling_parameters(
            self.model.alphas_cumprod, self.ddim_timesteps, ddim_eta)

    @torch.no_grad()
    def sample(self, S, batch_size, shape, eta=0.0):
        self.make_schedule(S, ddim_eta=eta)
        img = torch.randn(batch_size, *shape)
        for index in reversed(range(len(self.ddim_timesteps))):
            t = self.ddim_timesteps[index].repeat(batch_size)
            a, a_prev, sigma = self.alphas[index], self.alphas_prev[index], self.sigmas[index]
            e_t = self.model.apply_model(img, t)
            pred_x0 = (img - (1 - a).sqrt() * e_t) / a.sqrt()
            img = a_prev.sqrt() * pred_x0 + (1 - a_prev - sigma ** 2).sqrt() * e_t + sigma * torch.randn_like(img)
        return img


def run(requests):
    torch.manual_seed(42)
    sampler = DDIMSampler(LatentDiffusion().eval())
    for prompt in requests:
        out = sampler.sample(S=prompt["steps"], batch_size=2, shape=(4, 8, 8))
        print(f"-s {prompt['steps']}: {len(sampler.ddim_timesteps)} steps, mean |x| {out.abs().mean().item():.3f}")


if __name__ == "__main__":
    run([{"steps": 50}, {"steps": 20}, {"steps": 27}])
