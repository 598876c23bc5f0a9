import torch
from torch import nn


class Pendulum:
    """A toy vector environment."""

    def __init__(self, envs, seed=0):
        self.gen = torch.Generator().manual_seed(seed)
        self.envs = envs

    def reset(self):
        self.state = torch.randn(self.envs, 3, generator=self.gen)
        return self.state

    def step(self, action):
        self.state = 0.9 * self.state + 0.1 * action
        return self.state, -self.state.pow(2).sum(-1), torch.rand(self.envs, generator=self.gen) < 0.05


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 32), nn.Tanh())
        self.mean, self.critic = nn.Linear(32, 1), nn.Linear(32, 1)

    def act(self, obs):
        return torch.distributions.Normal(self.mean(self.body(obs)), 0.5)

    def value(self, obs):
        return self.critic(self.body(obs)).squeeze(-1)


class Rollout:
    def __init__(self, env, policy):
        self.env, self.policy, self.obs = env, policy, env.reset()

    @torch.no_grad()
    def collect(self, steps):
        self.states, self.actions, self.rewards, self.dones, self.values = [], [], [], [], []
        obs = self.obs
        for _ in range(steps):
            self.values.append(self.policy.value(obs))
            action = self.policy.act(obs).sample()
            self.states.append(obs)
            self.actions.append(action)
            obs, reward, done = self.env.step(action)
            self.rewards.append(reward)
            self.dones.append(done.float())
        self.values.append(self.policy.value(obs))
        self.obs = obs

    def advantages(self, gamma=0.99, lam=0.95):
        values = torch.stack(self.values)
        gae, out = 0.0, []
        for t in reversed(range(len(self.rewards))):
            alive = 1 - self.dones[t]
            delta = self.rewards[t] + gamma * values[t + 1] * alive - values[t]
            gae = delta + gamma * lam * alive * gae
            out.insert(0, gae)
        advantages = torch.stack(out)
        return advantages, values


def main():
    torch.manual_seed(0)
    policy = ActorCritic()
    rollout = Rollout(Pendulum(envs=4), policy)
    rollout.collect(16)
    advantages, values = rollout.advantages()
    returns = advantages + values
    loss = (policy.value(torch.stack(rollout.states)) - returns).pow(2).mean()
    loss.backward()
    print("value loss", loss.item())


main()
