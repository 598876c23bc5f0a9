import torch
from torch import nn


class Policy(nn.Module):
    def __init__(self, obs_dim, n_actions):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(obs_dim, 64), nn.Tanh(), nn.Linear(64, n_actions))

    def forward(self, obs):
        return torch.distributions.Categorical(logits=self.net(obs))


class Env:
    n = 5

    def __init__(self):
        self.obs_shape = (5, 5)

    def reset(self):
        return torch.zeros(self.n, self.n)

    def step(self, action):
        return torch.rand(self.n, self.n), float(action), False


env = Env()
policy = Policy(env.obs_shape[0] * env.obs_shape[1], 4)
obs = env.reset()
for _ in range(10):
    action = policy(obs).sample()
    obs, reward, done = env.step(action)
