import torch
import torch.nn as nn

torch.manual_seed(2)
torch.set_num_threads(1)
actor = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
critic = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))


class Corridor:
    def __init__(self, length):
        self.length = length

    def reset(self):
        self.x = 0
        return self.obs()

    def obs(self):
        return torch.tensor([self.x / 10, self.length / 10])

    def step(self, a):
        self.x += 1 if a == 1 else 0
        done = self.x >= self.length
        return self.obs(), 1.0 if done else -0.05, done


def rollout(env, max_steps=24):
    obs, logps, values, rewards = env.reset(), [], [], []
    for _ in range(max_steps):
        dist = torch.distributions.Categorical(logits=actor(obs))
        a = dist.sample()
        logps.append(dist.log_prob(a))
        values += [critic(obs).squeeze(-1)]
        obs, r, done = env.step(a.item())
        rewards.append(r)
        if done:
            break
    else:
        values.append(critic(obs).squeeze(-1))
    tail = 0.0 if done else values[-1].item()
    return torch.stack(logps), torch.stack(values), rewards, tail


opt = torch.optim.Adam([*actor.parameters(), *critic.parameters()], 1e-3)
for episode in range(20):
    logps, values, rewards, g = rollout(Corridor(3 + episode))
    returns = []
    for r in reversed(rewards):
        g = r + 0.99 * g
        returns.insert(0, g)
    returns = torch.tensor(returns)
    adv = returns - values.detach()
    loss = -(logps * adv).mean() + (returns - values).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
