import random

import numpy as np
import torch
import torch.nn as nn


class Catch:
    """A bat at the bottom of a colour screen; the ball falls in a random column."""

    n_actions, shape = 3, (84, 64, 3)

    def reset(self):
        self.ball, self.bat, self.row = random.randrange(4, 60), 32, 0
        return self.screen()

    def screen(self):
        frame = np.zeros(self.shape, dtype=np.uint8)
        frame[self.row:self.row + 4, self.ball - 2:self.ball + 2, 0] = 255
        frame[-4:, self.bat - 4:self.bat + 4, 1] = 255
        return frame

    def step(self, action):
        self.bat, self.row = min(max(self.bat + (action - 1) * 6, 4), 60), self.row + 8
        return self.screen(), float(abs(self.bat - self.ball) < 6), self.row >= 76


class WarpFrame:
    def __init__(self, env):
        self.env = env
        self.observation_shape = (env.shape[2], env.shape[0] // 2, env.shape[1] // 2)

    def observation(self, frame):
        return torch.from_numpy(frame[::2, ::2].astype(np.float32) / 255).permute(2, 0, 1)

    def reset(self):
        return self.observation(self.env.reset())

    def step(self, action):
        frame, reward, done = self.env.step(action)
        return self.observation(frame), reward, done


class CnnDQN(nn.Module):
    def __init__(self, input_shape, num_actions):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(input_shape[0], 8, kernel_size=8, stride=4), nn.ReLU(),
            nn.Conv2d(8, 16, kernel_size=4, stride=2), nn.ReLU(),
        )
        self.fc = nn.Linear(self.feature_size(input_shape), num_actions)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))

    def feature_size(self, input_shape):
        return self.features(torch.zeros(1, *input_shape)).numel()


def td_loss(model, optimizer, buffer, gamma=0.99):
    state, action, reward, nxt, done = zip(*random.sample(buffer, 16))
    q = model(torch.stack(state)).gather(1, torch.tensor(action).unsqueeze(1)).squeeze(1)
    best = model(torch.stack(nxt)).detach().max(1).values
    loss = (q - torch.tensor(reward) - gamma * best * (1 - torch.tensor(done).float())).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    env = WarpFrame(Catch())
    model = CnnDQN(env.observation_shape, Catch.n_actions)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    buffer, state = [], env.reset()
    for frame in range(60):
        action = random.randrange(Catch.n_actions)
        nxt, reward, done = env.step(action)
        buffer.append((state, action, reward, nxt, done))
        state = env.reset() if done else nxt
        if frame % 20 == 19:
            print("frame", frame + 1, "loss", round(td_loss(model, optimizer, buffer), 5))
