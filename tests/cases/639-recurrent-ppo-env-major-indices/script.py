"""Recurrent PPO on a small memory task, several environments side by side."""
import torch
import torch.nn as nn
from torch.distributions import Categorical

NUM_ENVS, NUM_STEPS, OBS, ACTIONS, HIDDEN = 6, 16, 5, 3, 24


class RecallEnvs:
    """The cue is shown in the first step of an episode, the reward is for repeating it in the later ones."""

    def __init__(self, n, length=5, seed=0):
        self.n, self.length = n, length
        self.gen = torch.Generator().manual_seed(seed)
        self.clock = torch.arange(n) % length
        self.cue = torch.randint(0, ACTIONS, (n,), generator=self.gen)

    def observe(self):
        obs = 0.1 * torch.randn(self.n, OBS, generator=self.gen)
        obs[:, :ACTIONS] += torch.eye(ACTIONS)[self.cue] * (self.clock == 0).float().unsqueeze(1)
        return obs

    def step(self, action):
        reward = ((action == self.cue) & (self.clock > 0)).float()
        self.clock = (self.clock + 1) % self.length
        done = (self.clock == 0).float()
        fresh = torch.randint(0, ACTIONS, (self.n,), generator=self.gen)
        self.cue = torch.where(done.bool(), fresh, self.cue)
        return self.observe(), reward, done


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(OBS, HIDDEN), nn.Tanh())
        self.lstm = nn.LSTM(HIDDEN, HIDDEN)
        self.actor, self.critic = nn.Linear(HIDDEN, ACTIONS), nn.Linear(HIDDEN, 1)

    def get_states(self, x, state, done):
        batch = state[0].shape[1]
        hidden = self.body(x).reshape(-1, batch, HIDDEN)
        outputs = []
        for h, d in zip(hidden, done.reshape(-1, batch)):
            keep = (1.0 - d).view(1, -1, 1)
            h, state = self.lstm(h.unsqueeze(0), (keep * state[0], keep * state[1]))
            outputs.append(h)
        return torch.cat(outputs).flatten(0, 1), state

    def get_action_and_value(self, x, state, done, action=None):
        hidden, state = self.get_states(x, state, done)
        dist = Categorical(logits=self.actor(hidden))
        action = dist.sample() if action is None else action
        return action, dist.log_prob(action), self.critic(hidden).squeeze(-1), state


def collect(agent, envs, obs, done, state):
    rows = {k: [] for k in ("obs", "done", "action", "logp", "value", "reward")}
    for _ in range(NUM_STEPS):
        with torch.no_grad():
            action, logp, value, state = agent.get_action_and_value(obs, state, done)
        nxt, reward, nxt_done = envs.step(action)
        for key, item in zip(rows, (obs, done, action, logp, value, reward)):
            rows[key].append(item)
        obs, done = nxt, nxt_done
    return {k: torch.stack(v) for k, v in rows.items()}, obs, done, state


def update(agent, opt, data, initial_state, epochs=4, minibatches=2, gamma=0.5):
    returns = data["reward"].clone()
    for t in reversed(range(NUM_STEPS - 1)):
        returns[t] += gamma * (1 - data["done"][t + 1]) * returns[t + 1]
    flat = {k: v.reshape(NUM_STEPS * NUM_ENVS, *v.shape[2:]) for k, v in {**data, "ret": returns}.items()}
    flatinds = torch.arange(NUM_STEPS * NUM_ENVS).reshape(NUM_ENVS, NUM_STEPS)
    kl = []
    for _ in range(epochs):
        for envinds in torch.randperm(NUM_ENVS).chunk(minibatches):
            mb = flatinds[envinds].flatten()
            start = (initial_state[0][:, envinds], initial_state[1][:, envinds])
            _, logp, value, _ = agent.get_action_and_value(flat["obs"][mb], start, flat["done"][mb], flat["action"][mb])
            logratio = logp - flat["logp"][mb]
            kl.append(((logratio.exp() - 1) - logratio).mean().item())
            adv = flat["ret"][mb] - flat["value"][mb]
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
            policy = -torch.min(adv * logratio.exp(), adv * logratio.exp().clamp(0.8, 1.2)).mean()
            loss = policy + 0.1 * (flat["ret"][mb] - value).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
    return kl


if __name__ == "__main__":
    torch.manual_seed(1)
    agent, envs = Agent(), RecallEnvs(NUM_ENVS)
    opt = torch.optim.Adam(agent.parameters(), lr=1e-2)
    obs, done = envs.observe(), torch.zeros(NUM_ENVS)
    state = (torch.zeros(1, NUM_ENVS, HIDDEN), torch.zeros(1, NUM_ENVS, HIDDEN))
    for iteration in range(30):
        begin = state
        data, obs, done, state = collect(agent, envs, obs, done, begin)
        kl = update(agent, opt, data, begin)
        if iteration % 10 == 9:
            print(f"iteration {iteration} reward {data['reward'].mean():.3f} first kl {kl[0]:.4f} last kl {kl[-1]:.4f}")
