import torch
from torch import nn


class Critic(nn.Module):
    def __init__(self, obs, act, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(obs + act, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, s, a):
        return self.net(torch.cat([s, a], dim=-1))


class Actor(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.net = nn.Linear(obs, act)

    def forward(self, s):
        return self.net(s).tanh()


env = {"obs": 11, "act": 3}
actor, critic = Actor(env["obs"], env["act"]), Critic(env["obs"], 1)
s = torch.rand(16, 11)
print(critic(s, actor(s)).shape)
