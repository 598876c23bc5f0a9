import random
from collections import deque

import torch
import torch.nn as nn


class PixelEnv:
    observation_shape = (1, 20, 20)
    n_actions = 3

    def __init__(self):
        self.gen = torch.Generator().manual_seed(0)

    def reset(self):
        self.t = 0
        return torch.rand(self.observation_shape, generator=self.gen)

    def step(self, action):
        self.t += 1
        return torch.rand(self.observation_shape, generator=self.gen), float(action == 1), self.t >= 8


class FrameStack:
    def __init__(self, env, k):
        self.env, self.frames = env, deque(maxlen=k)
        self.k = k

    def __getattr__(self, name):
        return getattr(self.env, name)

    def reset(self):
        first = self.env.reset()
        self.frames.extend([first] * self.k)
        return torch.cat(list(self.frames))

    def step(self, action):
        frame, reward, done = self.env.step(action)
        self.frames.append(frame)
        return torch.cat(list(self.frames)), reward, done


class QNet(nn.Module):
    def __init__(self, shape, actions):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(shape[0], 8, 4, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten()
        )
        side = (shape[1] - 4) // 2 + 1 - 2
        self.q = nn.Linear(8 * side * side, actions)

    def forward(self, obs):
        return self.q(self.body(obs))


class Agent:
    def __init__(self, net, eps=0.2):
        self.net, self.eps = net, eps

    @torch.no_grad()
    def act(self, obs):
        if random.random() < self.eps:
            return random.randrange(3)
        return self.net(obs.unsqueeze(0)).argmax().item()


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    env = FrameStack(PixelEnv(), k=4)
    agent = Agent(QNet(env.observation_shape, env.n_actions))
    obs, done, total = env.reset(), False, 0.0
    while not done:
        obs, reward, done = env.step(agent.act(obs))
        total += reward
    print("return", total)
