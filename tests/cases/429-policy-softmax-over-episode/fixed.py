from functools import partial

import numpy as np
import torch
from torch import nn

GAMMA = 0.99


class Balance:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.s, self.t = self.rng.uniform(-0.05, 0.05, 4), 0
        return self.s.astype(np.float32)

    def step(self, action):
        (x, v, a, w), force = self.s, 2.0 * action - 1
        self.s = np.array([x + 0.02 * v, v + 0.2 * force, a + 0.02 * w, w + 0.02 * 16 * a - 0.3 * force])
        self.t += 1
        return self.s.astype(np.float32), 1.0, bool(abs(self.s[2]) > 0.21 or self.t == 60)


def mlp(sizes, hidden=nn.LeakyReLU, final=partial(nn.Softmax, dim=-1)):
    layers = [m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), hidden())]
    layers[-1] = final()
    return nn.Sequential(*layers)


def play(env, policy, rng):
    transitions, state, done = [], env.reset(), False
    while not done:
        with torch.no_grad():
            prob = policy(torch.from_numpy(state)).double().numpy()
        action = rng.choice(2, p=prob / prob.sum())
        nxt, reward, done = env.step(action)
        transitions.append((state, action, reward))
        state = nxt
    return transitions


def discounted(rewards):
    out = [0.0]
    for r in reversed(rewards):
        out.append(r + GAMMA * out[-1])
    return torch.tensor(out[:0:-1]) / max(out)


def update(policy, optimizer, transitions):
    states, actions, rewards = zip(*transitions)
    pred_batch = policy(torch.from_numpy(np.stack(states)))
    prob_batch = pred_batch.gather(1, torch.tensor(np.array(actions)).view(-1, 1)).squeeze(1)
    loss = -(discounted(rewards) * prob_batch.log()).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def main(episodes=120):
    torch.manual_seed(0)
    env, policy, rng = Balance(1), mlp([4, 32, 2]), np.random.default_rng(1)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    scores = []
    for episode in range(episodes):
        transitions = play(env, policy, rng)
        loss = update(policy, optimizer, transitions)
        scores.append(len(transitions))
        if episode % 40 == 39:
            print(f"episode {episode + 1}: mean length {np.mean(scores[-10:]):.1f} loss {loss:.2f}")


main()
