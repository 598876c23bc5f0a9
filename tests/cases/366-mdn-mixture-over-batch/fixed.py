import torch
import torch.nn as nn
import torch.nn.functional as f
from torch.distributions.normal import Normal


def gmm_loss(latent, mus, sigmas, logpi):
    latent = latent.unsqueeze(-2)
    log_probs = logpi + Normal(mus, sigmas).log_prob(latent).sum(-1)
    peak = log_probs.max(dim=-1, keepdim=True)[0]
    return -(peak.squeeze(-1) + (log_probs - peak).exp().sum(-1).log()).mean()


class _MDRNNBase(nn.Module):
    def __init__(self, latents, actions, hiddens, gaussians):
        super().__init__()
        self.latents, self.actions, self.hiddens, self.gaussians = latents, actions, hiddens, gaussians
        self.gmm_linear = nn.Linear(hiddens, (2 * latents + 1) * gaussians + 2)

    def mixture(self, gmm_outs, lead):
        stride = self.gaussians * self.latents
        mus = gmm_outs[..., :stride].view(*lead, self.gaussians, self.latents)
        sigmas = gmm_outs[..., stride:2 * stride].view(*lead, self.gaussians, self.latents).exp()
        pi = gmm_outs[..., 2 * stride:2 * stride + self.gaussians].view(*lead, self.gaussians)
        return mus, sigmas, pi


class MDRNN(_MDRNNBase):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.rnn = nn.LSTM(self.latents + self.actions, self.hiddens)

    def forward(self, actions, latents):
        seq_len, bs = actions.size(0), actions.size(1)
        outs, _ = self.rnn(torch.cat([actions, latents], dim=-1))
        gmm_outs = self.gmm_linear(outs)
        mus, sigmas, pi = self.mixture(gmm_outs, (seq_len, bs))
        logpi = f.log_softmax(pi, dim=-1)
        return mus, sigmas, logpi, gmm_outs[..., -2], gmm_outs[..., -1]


def rollouts(n, seq_len, bs, latents, actions):
    for seed in range(n):
        g = torch.Generator().manual_seed(seed)
        z = torch.randn(bs, latents, generator=g)
        a = torch.randn(seq_len + 1, bs, actions, generator=g)
        zs = []
        for t in range(seq_len + 1):
            zs.append(z)
            turn = torch.where(torch.rand(bs, 1, generator=g) < 0.5, 0.9, -0.9)
            z = turn * z + 0.2 * a[t].sum(-1, keepdim=True) + 0.1 * torch.randn(bs, latents, generator=g)
        zs = torch.stack(zs)
        reward = zs[1:].mean(-1)
        yield a[:-1], zs[:-1], zs[1:], reward, (reward.abs() > 1.5).float()


def get_loss(mdrnn, batch):
    action, latent_obs, latent_next, reward, terminal = batch
    mus, sigmas, logpi, rs, ds = mdrnn(action, latent_obs)
    gmm = gmm_loss(latent_next, mus, sigmas, logpi)
    mse = f.mse_loss(rs, reward)
    bce = f.binary_cross_entropy_with_logits(ds, terminal)
    return {"gmm": gmm, "mse": mse, "bce": bce, "loss": (gmm + mse + bce) / (mdrnn.latents + 2)}


torch.manual_seed(0)
mdrnn = MDRNN(4, 2, 24, 5)
optimizer = torch.optim.RMSprop(mdrnn.parameters(), lr=1e-3, alpha=0.9)
for i, batch in enumerate(rollouts(30, seq_len=8, bs=16, latents=4, actions=2)):
    losses = get_loss(mdrnn, batch)
    optimizer.zero_grad()
    losses["loss"].backward()
    optimizer.step()
    if i % 10 == 9:
        print("step", i + 1, " ".join(f"{k}={v.item():10.4f}" for k, v in losses.items()))
