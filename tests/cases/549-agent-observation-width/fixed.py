from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F


class SpeakerListener:
    """Two particles with views of their own; the first one is scripted, we control the other."""

    n_actions = 5

    def __init__(self, n_envs):
        self.n_envs = n_envs
        self.observation_sizes = [23, 26]

    def observe(self):
        return [torch.randn(self.n_envs, size) for size in self.observation_sizes]

    def step(self, actions):
        return self.observe(), (actions == self.n_actions - 1).float() - 0.2


class Encoder(nn.Module):
    def __init__(self, input_size, hidden):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden)
        self.mean = nn.Linear(hidden, hidden)

    def forward(self, x, state):
        out, state = self.lstm(x.unsqueeze(0), state)
        return self.mean(out.squeeze(0)), state


class Agent(nn.Module):
    def __init__(self, obs_size, n_actions, hidden):
        super().__init__()
        self.n_actions = n_actions
        self.encoder = Encoder(obs_size + n_actions, hidden)
        self.actor = nn.Linear(obs_size + hidden, n_actions)

    def act(self, obs, last_actions, state):
        seen = torch.cat([obs, F.one_hot(last_actions, self.n_actions).float()], dim=-1)
        embedding, state = self.encoder(seen, state)
        dist = torch.distributions.Categorical(logits=self.actor(torch.cat([obs, embedding], dim=-1)))
        action = dist.sample()
        return action, dist.log_prob(action), state


def main(args):
    torch.manual_seed(5)
    env = SpeakerListener(args.n_envs)
    agent = Agent(env.observation_sizes[1], env.n_actions, args.hidden)
    print("environments", args.n_envs, "actions", env.n_actions)
    optimizer = torch.optim.RMSprop(agent.parameters(), lr=1e-3)
    for update in range(args.updates):
        obs, state, terms = env.observe(), None, []
        actions = torch.zeros(args.n_envs, dtype=torch.long)
        for _ in range(args.horizon):
            agent_obs = obs[1]
            actions, log_prob, state = agent.act(agent_obs, actions, state)
            obs, reward = env.step(actions)
            terms.append(-log_prob * reward)
        loss = torch.stack(terms).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"update {update} loss {loss.item():.4f}")


if __name__ == "__main__":
    main(SimpleNamespace(n_envs=10, hidden=24, updates=3, horizon=6))
