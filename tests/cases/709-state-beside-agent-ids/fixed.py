import torch
from torch import nn


class Critic(nn.Module):
    """One value per agent, from the state of the whole field and the agent's one-hot id."""

    def __init__(self, state_dim, n_agents, hidden=32):
        super().__init__()
        self.n_agents = n_agents
        self.net = nn.Sequential(nn.Linear(state_dim + n_agents, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, state, agent_ids):
        critic_input = torch.concat([state, agent_ids], dim=-1)
        return self.net(critic_input).squeeze(-1)


class Actor(nn.Module):
    def __init__(self, obs_dim, n_actions, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(obs_dim, hidden), nn.Tanh(), nn.Linear(hidden, n_actions))

    def forward(self, obs):
        return torch.distributions.Categorical(logits=self.net(obs))


class Field:
    """Several copies of a small game; agents walk on a line towards a flag."""

    def __init__(self, n_envs, n_agents):
        self.n_envs, self.n_agents = n_envs, n_agents

    def reset(self):
        self.pos = torch.rand(self.n_envs, self.n_agents) * 4 - 2
        return self.look()

    def look(self):
        obs = torch.stack([self.pos, self.pos.mean(1, keepdim=True).expand_as(self.pos)], dim=-1)
        return obs, torch.cat([self.pos, self.pos.abs()], dim=1)

    def step(self, actions):
        self.pos = self.pos + 0.2 * (actions - 1)
        return *self.look(), -self.pos.abs()


class MAPPO:
    def __init__(self, n_agents, gamma=0.95):
        self.n_agents, self.gamma = n_agents, gamma
        self.actor, self.critic = Actor(2, 3), Critic(2 * n_agents, n_agents)
        self.eye = torch.eye(n_agents)

    def ids(self, n_envs):
        return self.eye.unsqueeze(0).expand(n_envs, -1, -1)

    @torch.no_grad()
    def act(self, obs, state):
        per_agent = state.unsqueeze(1).expand(-1, self.n_agents, -1)
        return self.actor(obs).sample(), self.critic(per_agent, self.ids(len(state)))

    @torch.no_grad()
    def returns(self, rewards, last_state):
        running = self.critic(last_state.unsqueeze(1).expand(-1, self.n_agents, -1), self.ids(len(last_state)))
        out = []
        for reward in reversed(rewards):
            running = reward + self.gamma * running
            out.append(running)
        return torch.stack(out[::-1])


def rollout(n_envs=4, n_agents=3, horizon=10):
    torch.manual_seed(0)
    field, agent = Field(n_envs, n_agents), MAPPO(n_agents)
    obs, state = field.reset()
    rewards, values = [], []
    for _ in range(horizon):
        actions, value = agent.act(obs, state)
        obs, state, reward = field.step(actions)
        rewards.append(reward)
        values.append(value)
    print("collected", len(rewards), "steps, mean value %.4f" % torch.stack(values).mean().item())
    advantage = agent.returns(rewards, state) - torch.stack(values)
    print("advantages", tuple(advantage.shape), "mean %.4f" % advantage.mean().item())


if __name__ == "__main__":
    rollout()
