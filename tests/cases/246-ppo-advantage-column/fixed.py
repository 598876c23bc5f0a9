import torch
import torch.nn as nn
from torch.distributions import Categorical

GAMMA, LAMBDA, CLIP = 0.95, 0.9, 0.2


def mlp(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 32), nn.Tanh(), nn.Linear(32, n_out))


def estimate_advantages(rewards, masks, values):
    deltas, advantages = torch.zeros(len(rewards), 1), torch.zeros(len(rewards), 1)
    prev_value, prev_advantage = 0.0, 0.0
    for i in reversed(range(len(rewards))):
        deltas[i] = rewards[i] + GAMMA * prev_value * masks[i] - values[i]
        advantages[i] = deltas[i] + GAMMA * LAMBDA * prev_advantage * masks[i]
        prev_value, prev_advantage = values[i, 0], advantages[i, 0]
    returns = values + advantages
    return (advantages - advantages.mean()) / advantages.std(), returns


def rollout(policy, steps):
    states, actions, rewards, masks = [], [], [], []
    place = 0
    for t in range(steps):
        state = nn.functional.one_hot(torch.tensor(place), 5).float()
        action = Categorical(logits=policy(state)).sample()
        place = max(0, min(4, place + (1 if action else -1)))
        states.append(state)
        actions.append(action)
        rewards.append(1.0 if place == 4 else -0.1)
        masks.append(0.0 if place == 4 else 1.0)
        place = 0 if place == 4 else place
    return torch.stack(states), torch.stack(actions), torch.tensor(rewards), torch.tensor(masks)


def ppo_step(policy, critic, optims, batch, old_log_probs, advantages, returns):
    states, actions = batch
    value_loss = (critic(states) - returns).pow(2).mean()
    log_probs = Categorical(logits=policy(states)).log_prob(actions)
    ratio = (log_probs - old_log_probs).exp().unsqueeze(1)
    surr1 = ratio * advantages
    surr2 = ratio.clamp(1 - CLIP, 1 + CLIP) * advantages
    policy_loss = -torch.min(surr1, surr2).mean()
    for optim, loss in zip(optims, (policy_loss, value_loss)):
        optim.zero_grad()
        loss.backward()
        optim.step()


torch.manual_seed(0)
policy, critic = mlp(5, 2), mlp(5, 1)
optims = [torch.optim.Adam(policy.parameters(), 1e-2), torch.optim.Adam(critic.parameters(), 1e-2)]
for iteration in range(8):
    states, actions, rewards, masks = rollout(policy, 64)
    with torch.no_grad():
        old = Categorical(logits=policy(states)).log_prob(actions)
        advantages, returns = estimate_advantages(rewards, masks, critic(states))
    for _ in range(5):
        ppo_step(policy, critic, optims, (states, actions), old, advantages, returns)
    print(f"iter {iteration} average reward {rewards.mean().item():+.3f}")
