"""Critic that pools a window of observations with learned attention."""
import torch
from torch import nn


class TemporalAttentionPooling(nn.Module):
    def __init__(self, features_in):
        super().__init__()
        self.attention_pooling = nn.Sequential(nn.Conv1d(features_in, 1, kernel_size=1), nn.Softmax(dim=1))

    def forward(self, features):
        x = features.transpose(1, 2)
        weights = self.attention_pooling(x)
        return (x * weights).sum(dim=2)


class LamaPooling(nn.Module):
    """Last step, average and attention side by side."""

    def __init__(self, features_in):
        super().__init__()
        self.attention = TemporalAttentionPooling(features_in)
        self.features_out = features_in * 3

    def forward(self, features):
        return torch.cat([features[:, -1], features.mean(dim=1), self.attention(features)], dim=1)


class StateNet(nn.Module):
    def __init__(self, n_obs, hidden=24):
        super().__init__()
        self.observation_net = nn.Sequential(nn.Linear(n_obs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.pool = LamaPooling(hidden)
        self.head = nn.Sequential(nn.Linear(self.pool.features_out, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, obs):
        return self.head(self.pool(self.observation_net(obs))).squeeze(1)


def windows(n, length, n_obs=4):
    """The value of a window is the reading at the step of the strongest contact."""
    obs = torch.randn(n, length, n_obs)
    obs[:, :, 0] = 6 * torch.rand(n, length)
    strongest = obs[:, :, 0].argmax(dim=1)
    return obs, obs[torch.arange(n), strongest, 1]


def fit(critic, steps=800):
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for step in range(steps):
        obs, value = windows(64, length=12)
        loss = (critic(obs) - value).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 200 == 199:
            print(f"step {step + 1} critic loss {loss.item():.4f}")


def main():
    torch.manual_seed(0)
    critic = StateNet(n_obs=4)
    fit(critic)
    with torch.no_grad():
        obs, value = windows(512, length=12)
        error = (critic(obs) - value).pow(2).mean() / value.var()
    print(f"unexplained share of the value: {error.item():.3f}")


if __name__ == "__main__":
    main()
