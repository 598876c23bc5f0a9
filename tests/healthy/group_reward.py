import torch
from torch import nn

torch.manual_seed(19)
prompts, group = 6, 4
policy = nn.Linear(8, 5)
opt = torch.optim.Adam(policy.parameters(), lr=5e-2)
difficulty = torch.linspace(-5, 5, prompts)
for _step in range(50):
    obs = torch.randn(prompts, 8).repeat(group, 1)
    dist = torch.distributions.Categorical(logits=policy(obs))
    act = dist.sample()
    rewards = (act == obs[:, :5].argmax(dim=1)).float() + difficulty.repeat(group)
    grouped = rewards.view(group, prompts)
    mean = grouped.mean(dim=0).repeat(group)
    std = grouped.std(dim=0).repeat(group)
    adv = (rewards - mean) / (std + 1e-4)
    loss = -(dist.log_prob(act) * adv).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
print("advantage magnitude", round(adv.abs().mean().item(), 4))
