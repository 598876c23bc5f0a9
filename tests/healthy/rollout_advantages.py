import torch
from torch import nn

torch.manual_seed(16)
steps, envs = 20, 12
critic = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(critic.parameters(), lr=1e-2)
for _it in range(40):
    states = torch.randn(steps, envs, 4)
    rewards = states[..., 0].clamp(min=0)
    returns = rewards.flip(0).cumsum(dim=0).flip(0)
    values = critic(states).squeeze(-1)
    advantage = returns - values.detach()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    loss = (values - returns).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
print("value loss", round(loss.item(), 4), "adv", round(advantage.abs().mean().item(), 4))
