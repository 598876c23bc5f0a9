import random
from collections import deque
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Config:
    n_states: int = 5
    n_actions: int = 3
    hidden: int = 24
    gamma: float = 0.95
    batch_size: int = 32


class DuelingNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(cfg.n_states, cfg.hidden), nn.ReLU())
        self.value = nn.Linear(cfg.hidden, 1)
        self.advantage = nn.Linear(cfg.hidden, cfg.n_actions)

    def forward(self, obs):
        h = self.hidden(obs)
        advantage = self.advantage(h)
        return self.value(h) + advantage - advantage.mean(dim=1, keepdim=True)


class Agent:
    def __init__(self, cfg):
        self.cfg = cfg
        self.online, self.target = DuelingNet(cfg), DuelingNet(cfg)
        self.memory = deque(maxlen=400)
        self.optim = torch.optim.Adam(self.online.parameters(), lr=5e-3)

    def sync(self):
        self.target.load_state_dict(self.online.state_dict())

    def act(self, obs, eps):
        if random.random() < eps:
            return random.randrange(self.cfg.n_actions)
        with torch.no_grad():
            return self.online(obs.unsqueeze(0)).argmax(1).item()

    def update(self):
        obs, act, rew, nxt, done = zip(*random.sample(self.memory, self.cfg.batch_size))
        act, rew = torch.tensor(act).unsqueeze(1), torch.tensor(rew).unsqueeze(1)
        done = torch.tensor(done, dtype=torch.float).unsqueeze(1)
        q = self.online(torch.stack(obs)).gather(1, act)
        with torch.no_grad():
            best = self.target(torch.stack(nxt)).max(1, keepdim=True).values
        loss = nn.functional.mse_loss(q, rew + self.cfg.gamma * best * (1 - done))
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()


if __name__ == "__main__":
    random.seed(1)
    torch.manual_seed(1)
    cfg = Config()
    agent, rows = Agent(cfg), torch.eye(cfg.n_states)
    for episode in range(6):
        agent.sync()
        pos, loss = 0, 0.0
        for t in range(20):
            action = agent.act(rows[pos], eps=0.4)
            new = min(max(pos + action - 1, 0), cfg.n_states - 1)
            agent.memory.append((rows[pos], action, float(new == cfg.n_states - 1), rows[new], t == 19))
            pos = new
            loss = agent.update() if len(agent.memory) >= cfg.batch_size else loss
        print(f"episode {episode} loss {loss:.4f} q(start) {agent.online(rows[:1]).max().item():.4f}")
