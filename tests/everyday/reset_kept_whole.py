import random
from collections import deque

import torch
from torch import nn


class Env:
    def reset(self):
        return [0.1, 0.2, 0.3, 0.4], {}

    def step(self, action):
        return [random.random() for _ in range(4)], 1.0, random.random() < 0.2, False, {}


random.seed(0)
env = Env()
memory = deque(maxlen=1000)
q = nn.Linear(4, 2)
for _episode in range(10):
    state = env.reset()
    done = False
    while not done:
        action = random.randrange(2)
        next_state, reward, done, _, _ = env.step(action)
        memory.append((state, action, reward, next_state, done))
        state = next_state
batch = random.sample(memory, 16)
states = torch.tensor([b[0] for b in batch], dtype=torch.float32)
print(q(states).shape)
