from collections import defaultdict
from types import SimpleNamespace

import torch
from torch import nn


class PendulumLike:
    def __init__(self, num_envs):
        self.state = torch.randn(num_envs, 2)

    def step(self, action):
        angle, speed = self.state.unbind(-1)
        speed = 0.95 * speed + 0.3 * torch.sin(angle) + 0.4 * (action - 0.5)
        self.state = torch.stack([angle + 0.2 * speed, speed], dim=-1)
        return self.state, torch.cos(angle)


class RolloutBuffer:
    def __init__(self, gamma=0.9):
        self.gamma, self.store = gamma, defaultdict(list)

    def add(self, **fields):
        for name, value in fields.items():
            self.store[name].append(value)

    def compute_returns(self, last_value):
        returns = [last_value]
        for reward in reversed(self.store["reward"]):
            returns.insert(0, reward + self.gamma * returns[0])
        self.store["returns"] = returns[:-1]

    def minibatches(self, size):
        data = {name: torch.stack(values, dim=1) for name, values in self.store.items()}
        for index in torch.randperm(len(self.store["reward"])).split(size):
            yield SimpleNamespace(**{name: value[:, index] for name, value in data.items()})


class ActorCritic(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.actor, self.critic = (
            nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, n)) for n in (2, 1)
        )

    def policy(self, obs):
        return torch.distributions.Categorical(logits=self.actor(obs))


def update(model, optim, buffer, clip=0.2):
    losses = []
    for mb in buffer.minibatches(16):
        advantage = mb.returns - mb.value
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        ratio = (model.policy(mb.obs).log_prob(mb.action) - mb.log_prob).exp()
        policy_loss = -torch.min(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()
        critic_values = model.critic(mb.obs).squeeze(-1)
        value_loss = (mb.returns - critic_values).pow(2).mean()
        optim.zero_grad()
        (policy_loss + 0.5 * value_loss).backward()
        optim.step()
        losses.append(value_loss.item())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    torch.manual_seed(0)
    env, model = PendulumLike(num_envs=1), ActorCritic()
    optim = torch.optim.Adam(model.parameters(), lr=1e-2)
    for iteration in range(8):
        buffer, obs = RolloutBuffer(), env.state
        for _ in range(64):
            with torch.no_grad():
                dist, value = model.policy(obs), model.critic(obs).squeeze(-1)
                action = dist.sample()
            nxt, reward = env.step(action)
            buffer.add(obs=obs, action=action, log_prob=dist.log_prob(action), value=value, reward=reward)
            obs = nxt
        with torch.no_grad():
            buffer.compute_returns(model.critic(obs).squeeze(-1))
        print("iteration", iteration, "value loss", round(update(model, optim, buffer), 4))
