"""Soft actor-critic on a point that has to be steered to the origin with four thrusters."""
import torch
from torch import nn
from torch.distributions import Normal

STATE, ACTION = 3, 4
THRUST = 0.2 * torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, -1.0, -1.0]])


def mlp(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 32), nn.ReLU(), nn.Linear(32, n_out))


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.mu, self.std = mlp(STATE, 32), nn.Linear(32, ACTION), nn.Linear(32, ACTION)

    def forward(self, states):
        h = torch.relu(self.body(states))
        dist = Normal(self.mu(h), nn.functional.softplus(self.std(h)) + 1e-3)
        sample = dist.rsample()
        action = torch.tanh(sample)
        log_prob = dist.log_prob(sample) - torch.log(1 - action.pow(2) + 1e-7)
        return action, log_prob


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(STATE + ACTION, 1)

    def forward(self, states, actions):
        return self.net(torch.cat([states, actions], dim=1))


class SAC:
    def __init__(self, gamma=0.95, alpha=0.1, tau=0.05):
        self.actor, self.critic, self.target_critic = Policy(), Critic(), Critic()
        self.target_critic.load_state_dict(self.critic.state_dict())
        self.actor_opt = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_opt = torch.optim.Adam(self.critic.parameters(), lr=3e-3)
        self.gamma, self.alpha, self.tau = gamma, alpha, tau

    @torch.no_grad()
    def calc_target(self, rewards, next_states, dones):
        next_actions, log_prob = self.actor(next_states)
        next_value = self.target_critic(next_states, next_actions) - self.alpha * log_prob
        return rewards + self.gamma * next_value * (1 - dones)

    def update(self, states, actions, rewards, next_states, dones):
        target = self.calc_target(rewards, next_states, dones)
        critic_loss = (self.critic(states, actions) - target).pow(2).mean()
        self.critic_opt.zero_grad(); critic_loss.backward(); self.critic_opt.step()
        new_actions, log_prob = self.actor(states)
        actor_loss = (self.alpha * log_prob - self.critic(states, new_actions)).mean()
        self.actor_opt.zero_grad(); actor_loss.backward(); self.actor_opt.step()
        for p, t in zip(self.critic.parameters(), self.target_critic.parameters()):
            t.data.lerp_(p.data, self.tau)
        return critic_loss.item(), actor_loss.item()


def transitions(count):
    states = torch.randn(count, STATE)
    actions = torch.rand(count, ACTION) * 2 - 1
    next_states = states + actions @ THRUST
    rewards = -next_states.norm(dim=1, keepdim=True)
    return states, actions, rewards, next_states, (rewards > -0.3).float()


if __name__ == "__main__":
    torch.manual_seed(0)
    agent = SAC()
    for step in range(60):
        critic_loss, actor_loss = agent.update(*transitions(64))
        if step % 20 == 19:
            print(f"step {step + 1} critic {critic_loss:.3f} actor {actor_loss:.3f}")
