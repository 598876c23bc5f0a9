"""Deep Q-learning on a small grid of sensors, replayed transitions, frozen target network."""
import random
from collections import deque, namedtuple

import torch
from torch import nn

Transition = namedtuple("Transition", "obs action reward next_obs done")
GAMMA, OBS, ACTIONS = 0.95, 6, 3


class ReplayBuffer:
    def __init__(self, size, seed):
        self.storage = deque(maxlen=size)
        self.rng = random.Random(seed)

    def push(self, *args):
        self.storage.append(Transition(*args))

    def sample(self, count):
        batch = Transition(*zip(*self.rng.sample(list(self.storage), count)))
        return (torch.stack(batch.obs), torch.tensor(batch.action), torch.tensor(batch.reward),
                torch.stack(batch.next_obs), torch.tensor(batch.done, dtype=torch.float))


class DQN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(OBS, 32), nn.ReLU(), nn.Linear(32, ACTIONS))

    def forward(self, obs):
        return self.layers(obs)


def fill(buffer, steps):
    obs = torch.randn(OBS)
    for t in range(steps):
        action = buffer.rng.randrange(ACTIONS)
        reward = float(obs[action])
        next_obs = 0.7 * obs + 0.5 * torch.randn(OBS)
        buffer.push(obs, action, reward, next_obs, t % 20 == 19)
        obs = torch.randn(OBS) if t % 20 == 19 else next_obs


def dqn_learning(batch_size=32, updates=300):
    torch.manual_seed(0)
    buffer = ReplayBuffer(500, seed=1)
    fill(buffer, 400)
    Q, target_Q = DQN(), DQN()
    target_Q.load_state_dict(Q.state_dict())
    optimizer = torch.optim.Adam(Q.parameters(), lr=3e-3)
    for update in range(1, updates + 1):
        obs, act, rew, next_obs, done = buffer.sample(batch_size)
        current_Q_values = Q(obs).gather(1, act.unsqueeze(1))
        next_max_q = target_Q(next_obs).detach().max(1)[0]
        target_Q_values = rew + GAMMA * (1 - done) * next_max_q
        bellman_error = target_Q_values.unsqueeze(1) - current_Q_values
        loss = bellman_error.pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % 50 == 0:
            target_Q.load_state_dict(Q.state_dict())
            print(f"update {update:>3} loss {loss.item():.4f}")
    probe = torch.eye(OBS)[:ACTIONS] * 2
    print("greedy action per probe", Q(probe).argmax(1).tolist())


if __name__ == "__main__":
    dqn_learning()
