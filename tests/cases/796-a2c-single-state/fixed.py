import torch
from torch import nn
from torch.distributions import Categorical


class CartEnv:
    """A tiny stand-in with the gym interface."""

    def __init__(self, horizon=15):
        self.horizon = horizon

    def reset(self):
        self.t = 0
        self.state = [0.0, 0.01, -0.02, 0.0]
        return list(self.state)

    def step(self, action):
        push = 0.05 if action == 1 else -0.05
        self.state = [s + push * (i + 1) * 0.1 for i, s in enumerate(self.state)]
        self.t += 1
        return list(self.state), 1.0, self.t >= self.horizon


class ActorCritic(nn.Module):
    def __init__(self, n_states, n_actions, hidden=32):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(n_states, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.actor = nn.Sequential(
            nn.Linear(n_states, hidden), nn.ReLU(),
            nn.Linear(hidden, n_actions), nn.Softmax(dim=1),
        )

    def forward(self, x):
        value = self.critic(x)
        probs = self.actor(x)
        return Categorical(probs), value


class Rollout:
    def __init__(self):
        self.log_probs, self.values, self.rewards = [], [], []

    def add(self, log_prob, value, reward):
        self.log_probs.append(log_prob)
        self.values.append(value.squeeze(-1))
        self.rewards.append(torch.tensor([reward]))

    def loss(self, gamma=0.99):
        returns, total = [], torch.zeros(1)
        for reward in reversed(self.rewards):
            total = reward + gamma * total
            returns.insert(0, total)
        returns, values = torch.cat(returns), torch.cat(self.values)
        advantage = returns - values
        policy = -(torch.cat(self.log_probs) * advantage.detach()).mean()
        return policy + 0.5 * advantage.pow(2).mean()


def train(env, agent, optimizer, episodes):
    for episode in range(episodes):
        rollout, done = Rollout(), False
        state = env.reset()
        while not done:
            x = torch.tensor(state, dtype=torch.float32).unsqueeze(0)
            dist, value = agent(x)
            action = dist.sample()
            state, reward, done = env.step(action.item())
            rollout.add(dist.log_prob(action), value, reward)
        loss = rollout.loss()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"episode {episode} loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(1)
    agent = ActorCritic(4, 2)
    print("parameters", sum(p.numel() for p in agent.parameters()))
    train(CartEnv(), agent, torch.optim.Adam(agent.parameters(), lr=1e-3), episodes=3)
