import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical


class PoleEnv:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.state, self.t = self.rng.normal(0, 0.05, 4).astype(np.float32), 0
        return self.state

    def step(self, action):
        push = 0.1 if action == 1 else -0.1
        self.state = (self.state + push * np.array([0.1, 1.0, -0.1, -1.0]) + self.rng.normal(0, 0.01, 4)).astype(np.float32)
        self.t += 1
        return self.state, abs(self.state[2]) > 0.3 or self.t == 20


class Memory:
    def __init__(self):
        self.states, self.actions = [], []

    def tensors(self):
        states = torch.from_numpy(np.stack(self.states))
        actions = torch.from_numpy(np.stack(self.actions)).float().view(len(states), -1)
        return states, actions


def mlp(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 32), nn.Tanh(), nn.Linear(32, n_out))


def expert_trajectory(n):
    rng = np.random.default_rng(0)
    states = rng.normal(0, 0.2, (n, 4))
    return np.hstack([states, (states[:, 2:3] > 0)]).astype(np.float32)


@torch.no_grad()
def collect(env, policy, n):
    memory, state = Memory(), env.reset()
    while len(memory.states) < n:
        action = Categorical(logits=policy(torch.from_numpy(state))).sample().numpy()
        memory.states.append(state)
        memory.actions.append(action)
        state, done = env.step(action)
        if done:
            state = env.reset()
    return memory


def update(policy, discrim, memory, expert, optim_d, optim_p):
    states, actions = memory.tensors()
    bce = nn.BCEWithLogitsLoss()
    g_o = discrim(torch.cat([states, actions], 1))
    e_o = discrim(torch.from_numpy(expert))
    optim_d.zero_grad()
    loss_d = bce(g_o, torch.ones_like(g_o)) + bce(e_o, torch.zeros_like(e_o))
    loss_d.backward()
    optim_d.step()
    reward = -nn.functional.logsigmoid(g_o.detach()).squeeze(1)
    log_p = Categorical(logits=policy(states)).log_prob(actions.view(-1))
    optim_p.zero_grad()
    (-(log_p * (reward - reward.mean())).mean()).backward()
    optim_p.step()
    return loss_d.item(), reward.mean().item()


torch.manual_seed(0)
env, policy, discrim = PoleEnv(1), mlp(4, 2), mlp(5, 1)
optim_d, optim_p = torch.optim.Adam(discrim.parameters(), 3e-3), torch.optim.Adam(policy.parameters(), 3e-3)
expert = expert_trajectory(48)
for it in range(3):
    loss, reward = update(policy, discrim, collect(env, policy, 48), expert, optim_d, optim_p)
    print(f"{it}\tdiscrim loss {loss:.4f}\treward {reward:.4f}")
