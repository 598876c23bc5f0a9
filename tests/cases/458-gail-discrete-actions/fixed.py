"""Generative adversarial imitation on a small discrete control task."""
import torch
from torch import nn
from torch.distributions import Categorical

STATE_DIM, NUM_ACTIONS = 4, 2


class CartLine:
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def reset(self):
        self.state, self.t = torch.randn(STATE_DIM, generator=self.generator) * 0.1, 0
        return self.state

    def step(self, action):
        push = 1.0 if action == 1 else -1.0
        noise = torch.randn(STATE_DIM, generator=self.generator) * 0.05
        self.state = 0.95 * self.state + noise + torch.tensor([0.0, push, 0.0, -push]) * 0.1
        self.t += 1
        return self.state, self.t >= 9


class Memory:
    def __init__(self):
        self.states, self.actions = [], []

    def push(self, state, action):
        self.states.append(state)
        self.actions.append(action)

    def sample(self):
        return torch.stack(self.states), torch.tensor(self.actions).unsqueeze(1)


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 32), nn.Tanh(), nn.Linear(32, outputs))


def expert_trajectories(n):
    env, rows = CartLine(seed=11), []
    state = env.reset()
    for _ in range(n):
        action = int(state[1] < 0)
        rows.append(torch.cat([state, torch.tensor([float(action)])]))
        state, done = env.step(action)
        state = env.reset() if done else state
    return torch.stack(rows)


def collect(policy, env, n):
    memory, state = Memory(), env.reset()
    for _ in range(n):
        with torch.no_grad():
            action = Categorical(logits=policy(state)).sample().item()
        memory.push(state, action)
        state, done = env.step(action)
        state = env.reset() if done else state
    return memory.sample()


def update_discriminator(discrim, optimizer, expert, states, actions):
    g_o = discrim(torch.cat([states, actions], 1))
    e_o = discrim(expert)
    bce = nn.functional.binary_cross_entropy_with_logits
    loss = bce(g_o, torch.ones_like(g_o)) + bce(e_o, torch.zeros_like(e_o))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    policy, discrim = mlp(STATE_DIM, NUM_ACTIONS), mlp(STATE_DIM + 1, 1)
    discrim_optimizer = torch.optim.Adam(discrim.parameters(), 3e-4)
    expert_traj, env = expert_trajectories(40), CartLine(seed=5)
    print("expert", tuple(expert_traj.shape))
    for iteration in range(3):
        states, actions = collect(policy, env, 24)
        loss = update_discriminator(discrim, discrim_optimizer, expert_traj, states, actions)
        print(f"iteration {iteration} discriminator loss {loss:.3f}")
