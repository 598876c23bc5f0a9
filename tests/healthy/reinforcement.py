"""Policy gradients: columns with columns, vectors with vectors, a gathered value, a replay buffer."""

import torch
from torch import nn

torch.manual_seed(0)
policy, critic, q_network = nn.Linear(4, 3), nn.Linear(4, 1), nn.Linear(4, 3)
states, actions, rewards = torch.randn(10, 4), torch.randint(0, 3, (10,)), torch.randn(10)
values = critic(states).squeeze(-1)
returns = torch.flip(torch.flip(rewards, [0]).cumsum(0), [0])
advantage = returns - values.detach()
advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
log_probs = torch.distributions.Categorical(logits=policy(states)).log_prob(actions)
loss = -(log_probs * advantage).mean() + nn.functional.mse_loss(values, returns)
chosen = q_network(states).gather(1, actions.unsqueeze(1))
target = rewards.unsqueeze(1) + 0.9 * q_network(states).max(dim=1, keepdim=True).values.detach()
(loss + nn.functional.smooth_l1_loss(chosen, target)).backward()
