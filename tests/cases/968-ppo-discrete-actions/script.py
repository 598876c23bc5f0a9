"""PPO on a small balancing task with two push directions."""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions import Categorical


class PoleEnv:
    def __init__(self, n):
        self.state = torch.empty(n, 2).uniform_(-0.05, 0.05)

    def step(self, action):
        speed = self.state[:, 1] + 0.04 * action - 0.02 + 0.1 * self.state[:, 0]
        angle = self.state[:, 0] + 0.2 * speed
        done = angle.abs() > 0.2
        self.state = torch.stack([angle, speed], dim=1) * (~done).float().unsqueeze(1)
        return self.state, torch.where(done, -1.0, 0.1), (~done).float()


class ActorCritic(nn.Module):
    def __init__(self, num_inputs, num_outputs, hidden_size=32):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(num_inputs, hidden_size), nn.ReLU(), nn.Linear(hidden_size, 1))
        self.actor = nn.Sequential(nn.Linear(num_inputs, hidden_size), nn.ReLU(), nn.Linear(hidden_size, num_outputs))

    def forward(self, x):
        return Categorical(self.actor(x).softmax(dim=1)), self.critic(x).squeeze(1)


def compute_gae(next_value, rewards, masks, values, gamma=0.99, tau=0.95):
    values, gae, returns = values + [next_value], 0, []
    for step in reversed(range(len(rewards))):
        delta = rewards[step] + gamma * values[step + 1] * masks[step] - values[step]
        gae = delta + gamma * tau * masks[step] * gae
        returns.insert(0, gae + values[step])
    return returns


def ppo_iter(mini_batch_size, states, actions, log_probs, returns, advantage):
    for _ in range(states.size(0) // mini_batch_size):
        rand_ids = np.random.randint(0, states.size(0), mini_batch_size)
        yield states[rand_ids, :], actions[rand_ids, :], log_probs[rand_ids, :], returns[rand_ids, :], advantage[rand_ids, :]


def ppo_update(ppo_epochs, mini_batch_size, *rollout, clip_param=0.2):
    for _ in range(ppo_epochs):
        for state, action, old_log_probs, return_, advantage in ppo_iter(mini_batch_size, *rollout):
            dist, value = model(state)
            ratio = (dist.log_prob(action) - old_log_probs).exp()
            surr = torch.min(ratio * advantage, torch.clamp(ratio, 1.0 - clip_param, 1.0 + clip_param) * advantage)
            loss = 0.5 * (return_ - value).pow(2).mean() - surr.mean() - 0.001 * dist.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


np.random.seed(0)
torch.manual_seed(0)
envs, model = PoleEnv(8), ActorCritic(2, 2)
optimizer = optim.Adam(model.parameters(), lr=3e-3)
for update in range(6):
    log_probs, values, states, actions, rewards, masks = [], [], [], [], [], []
    for _ in range(20):
        dist, value = model(envs.state)
        action = dist.sample()
        transition = (dist.log_prob(action).detach(), value.detach(), envs.state, action, *envs.step(action)[1:])
        for store, item in zip((log_probs, values, states, actions, rewards, masks), transition):
            store.append(item)
    next_value = model(envs.state)[1].detach()
    returns, log_probs, values, states, actions = map(
        torch.cat, (compute_gae(next_value, rewards, masks, values), log_probs, values, states, actions))
    ppo_update(4, 16, states, actions, log_probs, returns, returns - values)
    print(f"update {update} mean reward {torch.cat(rewards).mean().item():.4f}")
