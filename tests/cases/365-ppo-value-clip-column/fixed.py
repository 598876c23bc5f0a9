from dataclasses import dataclass, fields

import torch
import torch.nn as nn


@dataclass
class Rollout:
    obs: torch.Tensor
    actions: torch.Tensor
    logprobs: torch.Tensor
    prev_values: torch.Tensor
    returns: torch.Tensor

    def minibatches(self, size):
        order = torch.randperm(len(self.obs))
        for start in range(0, len(order), size):
            pick = order[start:start + size]
            yield Rollout(*(getattr(self, f.name)[pick] for f in fields(self)))


class ActorCritic(nn.Module):
    def __init__(self, obs_dim=6, act_dim=2, hidden=32):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(obs_dim, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.mean = nn.Linear(hidden, act_dim)
        self.log_std = nn.Parameter(torch.full((act_dim,), -0.5))
        self.value_head = nn.Linear(hidden, 1)

    def forward(self, obs):
        h = self.trunk(obs)
        return torch.distributions.Normal(self.mean(h), self.log_std.exp()), self.value_head(h)

    @torch.no_grad()
    def act(self, obs):
        dist, value = self(obs)
        action = dist.sample()
        return action, dist.log_prob(action).sum(-1), value

    def evaluate(self, obs, actions):
        dist, value = self(obs)
        return dist.log_prob(actions).sum(-1), value, dist.entropy().sum(-1)


def collect(policy, steps=32, envs=4, gamma=0.97):
    obs = torch.randn(envs, 6)
    log = {"obs": [], "actions": [], "logprobs": [], "prev_values": []}
    rewards = []
    for _ in range(steps):
        action, logprob, value = policy.act(obs)
        for key, item in zip(log, (obs, action, logprob, value)):
            log[key].append(item)
        rewards.append(obs[:, :1] - 0.1 * action.pow(2).sum(-1, keepdim=True))
        obs = 0.9 * obs + 0.3 * torch.randn_like(obs)
    running, returns = policy.act(obs)[2], []
    for r in reversed(rewards):
        running = r + gamma * running
        returns.insert(0, running)
    return Rollout(*(torch.cat(v) for v in log.values()), returns=torch.cat(returns))


def critic_loss(values, prev_values, returns, clip):
    clipped = prev_values + (values - prev_values).clamp(-clip, clip)
    plain = (returns - values).pow(2)
    return 0.5 * torch.maximum(plain, (returns - clipped).pow(2)).mean()


def update(policy, opt, data, clip=0.2, value_clip=0.5):
    for batch in data.minibatches(32):
        logprobs, values, entropy = policy.evaluate(batch.obs, batch.actions)
        advantage = (batch.returns - batch.prev_values)[:, 0]
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
        ratio = (logprobs - batch.logprobs).exp()
        actor = -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()
        critic = critic_loss(values, batch.prev_values, batch.returns, value_clip)
        opt.zero_grad()
        (actor + 0.5 * critic - 0.01 * entropy.mean()).backward()
        opt.step()
    return actor.item(), critic.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    policy = ActorCritic()
    opt = torch.optim.Adam(policy.parameters(), lr=3e-3)
    for it in range(6):
        actor, critic = update(policy, opt, collect(policy))
        print(f"iter {it} actor {actor:+.4f} critic {critic:.4f}")
