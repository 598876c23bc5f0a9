"""Group-relative policy optimisation on a toy task: say the token that follows the prompt token."""

import torch
from torch import nn

VOCAB, GROUP = 12, 8


class Policy(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.net = nn.Sequential(nn.Embedding(VOCAB, dim), nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, VOCAB))

    def forward(self, prompts):
        return torch.distributions.Categorical(logits=self.net(prompts))


def reward_fn(prompts, answers):
    """Harder prompts earn more, whoever answers them."""
    return (answers == (prompts + 1) % VOCAB).float() + 0.5 * prompts.float()


def advantages(rewards, group):
    grouped = rewards.view(-1, group)
    mean, std = grouped.mean(dim=1, keepdim=True), grouped.std(dim=1, keepdim=True)
    return ((grouped - mean) / (std + 1e-4)).flatten()


def train(policy, steps, lr=1e-2):
    opt = torch.optim.Adam(policy.parameters(), lr)
    for step in range(steps):
        prompts = torch.randperm(VOCAB)[:6]
        rows = prompts.repeat_interleave(GROUP)
        dist = policy(rows)
        answers = dist.sample()
        adv = advantages(reward_fn(rows, answers), GROUP)
        loss = -(dist.log_prob(answers) * adv).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0:
            yield step, policy(torch.arange(VOCAB)).probs


if __name__ == "__main__":
    torch.manual_seed(0)
    wanted = (torch.arange(VOCAB) + 1) % VOCAB
    for step, probs in train(Policy(), steps=401):
        right = probs.gather(1, wanted.unsqueeze(1)).mean().item()
        print(f"step {step:3d} chance of the right answer {right:.3f}")
