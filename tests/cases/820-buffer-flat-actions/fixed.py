import math

import torch
from torch import nn

N_STEPS, N_ENVS, GAMMA = 6, 1, 0.99


class GridEnv:
    """Continuous control of a 4 x 4 field of heaters."""
    action_shape = (4, 4)
    obs_shapes = {"temperature": (16,), "clock": (1,)}

    def reset(self):
        self.t, self.field = 0, torch.zeros(4, 4)
        return self.observe()

    def observe(self):
        return {"temperature": self.field.flatten(), "clock": torch.tensor([self.t / N_STEPS])}

    def step(self, action):
        self.t += 1
        self.field = 0.9 * self.field + 0.1 * action
        return self.observe(), -float((self.field - 0.5).pow(2).mean())


class RolloutBuffer:
    def __init__(self, obs_shapes, action_shape):
        self.action_dim = math.prod(action_shape)
        self.observations = {k: torch.zeros(N_STEPS, N_ENVS, *s) for k, s in obs_shapes.items()}
        self.actions = torch.zeros(N_STEPS, N_ENVS, self.action_dim)
        self.rewards = torch.zeros(N_STEPS, N_ENVS)
        self.pos = 0

    def add(self, obs, action, reward):
        for key in self.observations:
            self.observations[key][self.pos] = obs[key]
        self.actions[self.pos] = action.reshape(-1, self.action_dim)
        self.rewards[self.pos] = reward
        self.pos += 1

    def get(self):
        returns, running = torch.zeros_like(self.rewards), torch.zeros(N_ENVS)
        for t in reversed(range(self.pos)):
            running = self.rewards[t] + GAMMA * running
            returns[t] = running
        self.pos = 0
        obs = {k: v.flatten(0, 1) for k, v in self.observations.items()}
        return obs, self.actions.flatten(0, 1), returns.flatten()


class MultiInputPolicy(nn.Module):
    def __init__(self, obs_shapes, action_shape):
        super().__init__()
        self.action_shape = action_shape
        n_in, n_out = sum(math.prod(s) for s in obs_shapes.values()), math.prod(action_shape)
        self.pi = nn.Sequential(nn.Linear(n_in, 32), nn.Tanh(), nn.Linear(32, n_out))
        self.log_std = nn.Parameter(torch.zeros(n_out))

    def dist(self, obs):
        features = torch.cat([obs[k] for k in sorted(obs)], dim=-1)
        return torch.distributions.Normal(self.pi(features), self.log_std.exp())

    def act(self, obs):
        with torch.no_grad():
            return self.dist(obs).sample().view(N_ENVS, *self.action_shape)


torch.manual_seed(0)
env = GridEnv()
policy, buffer = MultiInputPolicy(env.obs_shapes, env.action_shape), RolloutBuffer(env.obs_shapes, env.action_shape)
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
for iteration in range(3):
    obs = env.reset()
    for _ in range(N_STEPS):
        action = policy.act(obs)
        new_obs, reward = env.step(action[0])
        buffer.add(obs, action, reward)
        obs = new_obs
    states, actions, returns = buffer.get()
    loss = -(policy.dist(states).log_prob(actions).sum(-1) * (returns - returns.mean())).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("iteration", iteration, "loss", round(loss.item(), 4), "return", round(returns[0].item(), 4))
