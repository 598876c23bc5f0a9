import numpy as np
import torch
import torch.nn as nn

N_STATES, N_ACTIONS, HORIZON = 4, 3, 40
UTILITY = torch.tensor([1.0, 0.5])


class Pond:
    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.t, self.state = 0, int(self.rng.integers(N_STATES))
        return self.observe()

    def observe(self):
        return np.eye(N_STATES, dtype=np.float32)[self.state]

    def step(self, action):
        reward = np.array([action == self.state % N_ACTIONS, action == 0], dtype=np.float32)
        self.t, self.state = self.t + 1, int(self.rng.integers(N_STATES))
        return self.observe(), reward, self.t == HORIZON


class EpisodeBuffer:
    def __init__(self):
        self.obs = np.zeros((HORIZON, N_STATES), dtype=np.float32)
        self.actions = np.zeros((HORIZON, 1), dtype=np.int64)
        self.rewards = np.zeros((HORIZON, 2), dtype=np.float32)
        self.size = 0

    def add(self, obs, action, reward):
        i, self.size = self.size, self.size + 1
        self.obs[i], self.actions[i], self.rewards[i] = obs, action, reward

    def get_all_data(self):
        return tuple(torch.from_numpy(x[:self.size]) for x in (self.obs, self.actions, self.rewards))


class Agent:
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(N_STATES, 24), nn.Tanh(), nn.Linear(24, N_ACTIONS))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-2)

    def distribution(self, obs):
        return torch.distributions.Categorical(logits=self.net(obs))

    @torch.no_grad()
    def act(self, obs):
        return self.distribution(torch.from_numpy(obs)).sample().item()

    def update(self, buffer):
        obs, actions, rewards = buffer.get_all_data()
        utility = rewards @ UTILITY
        current = self.distribution(obs)
        log_probs = current.log_prob(actions)
        loss = -torch.mean(log_probs * (utility - utility.mean()))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return utility.mean().item()


def main(episodes=150):
    torch.manual_seed(7)
    env, agent, history = Pond(), Agent(), []
    for episode in range(episodes):
        buffer, obs, done = EpisodeBuffer(), env.reset(), False
        while not done:
            action = agent.act(obs)
            following, reward, done = env.step(action)
            buffer.add(obs, action, reward)
            obs = following
        history.append(agent.update(buffer))
    print("utility per step:", [round(float(np.mean(history[i:i + 30])), 3) for i in range(0, episodes, 30)])


if __name__ == "__main__":
    main()
