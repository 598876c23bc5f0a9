import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F


class Catch:
    def __init__(self, size=16, seed=0):
        self.size, self.rng = size, random.Random(seed)

    def reset(self):
        self.ball, self.row, self.paddle = self.rng.randrange(self.size), 0, self.size // 2
        return self.screen()

    def screen(self):
        frame = torch.zeros(1, self.size, self.size)
        frame[0, self.row, self.ball] = frame[0, -1, self.paddle] = 1.0
        return frame

    def step(self, action):
        self.paddle = min(max(self.paddle + action - 1, 0), self.size - 1)
        self.row += 1
        done = self.row == self.size - 1
        return self.screen(), float(done and abs(self.ball - self.paddle) <= 1), done


class FrameStack:
    def __init__(self, env, k):
        self.env, self.frames = env, deque(maxlen=k)

    def reset(self):
        self.frames.extend([self.env.reset()] * self.frames.maxlen)
        return torch.cat(list(self.frames))

    def step(self, action):
        frame, reward, done = self.env.step(action)
        self.frames.append(frame)
        return torch.cat(list(self.frames)), reward, done


def make_env(seed, stack=1):
    env = Catch(seed=seed)
    return FrameStack(env, stack) if stack > 1 else env


def episode(env, q, epsilon):
    state, done = env.reset(), False
    while not done:
        greedy = q(state.unsqueeze(0)).argmax(1).item()
        action = random.randrange(3) if random.random() < epsilon else greedy
        following, reward, done = env.step(action)
        yield state, torch.tensor(action), torch.tensor(reward), following, torch.tensor(done)
        state = following


if __name__ == "__main__":
    torch.manual_seed(0), random.seed(0)
    env, memory = make_env(seed=1, stack=4), deque(maxlen=500)
    q = nn.Sequential(nn.Conv2d(4, 8, 4, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(200, 3))
    optimizer = torch.optim.Adam(q.parameters(), 1e-3)
    for i in range(12):
        memory.extend(episode(env, q, epsilon=0.5))
        s, a, r, s2, done = map(torch.stack, zip(*random.sample(memory, 12)))
        target = r + 0.95 * q(s2).amax(1).detach() * ~done
        loss = F.smooth_l1_loss(q(s).gather(1, a.unsqueeze(1)).squeeze(1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss after {i + 1} episodes {loss.item():.4f}")
    test_env = make_env(seed=2)
    caught = sum(int(step[2]) for _ in range(5) for step in episode(test_env, q, epsilon=0.0))
    print("caught", caught, "of 5")
