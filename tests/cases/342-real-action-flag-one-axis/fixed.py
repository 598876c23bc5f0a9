from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class HeadConfig:
    obs_dim: int = 12
    action_dim: int = 7
    horizon: int = 16
    width: int = 32
    action_loss_weight: float = 1.0


class FlowMatchingActionHead(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.obs = nn.Linear(cfg.obs_dim, cfg.width)
        self.inp = nn.Linear(cfg.action_dim + 1, cfg.width)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(cfg.width, cfg.action_dim))

    def velocity(self, noisy, t, obs):
        t = t[:, None, None].expand(-1, noisy.size(1), 1)
        return self.out(self.inp(torch.cat([noisy, t], -1)) + self.obs(obs)[:, None])

    def forward(self, batch):
        actions, real = batch["action"], batch["has_real_action"][:, None, None].float()
        noise = torch.randn_like(actions)
        t = torch.rand(actions.size(0))
        noisy = (1 - t)[:, None, None] * noise + t[:, None, None] * actions
        pred = self.velocity(noisy, t, batch["obs"])
        loss = F.mse_loss(pred, actions - noise, reduction="none") * batch["action_mask"]
        loss = gate_real_actions(loss, real)
        return {"action_loss": self.cfg.action_loss_weight * loss.sum() / batch["action_mask"].sum()}


def gate_real_actions(loss_per_sample, real):
    return real * loss_per_sample


def make_episode(i, cfg):
    g = torch.Generator().manual_seed(i)
    mask = torch.ones(cfg.horizon, cfg.action_dim)
    mask[:, 6:] = float(i % 2)
    return {
        "obs": torch.randn(cfg.obs_dim, generator=g),
        "action": torch.rand(cfg.horizon, cfg.action_dim, generator=g) * 2 - 1,
        "action_mask": mask,
        "has_real_action": torch.tensor(i % 3 != 0),
    }


def collate(rows):
    return {k: torch.stack([r[k] for r in rows]) for k in rows[0]}


def loader(cfg, n, batch_size):
    rows = [make_episode(i, cfg) for i in range(1, n + 1)]
    for start in range(0, n, batch_size):
        yield collate(rows[start:start + batch_size])


def main():
    torch.manual_seed(0)
    cfg = HeadConfig()
    head = FlowMatchingActionHead(cfg)
    optim = torch.optim.AdamW(head.parameters(), lr=1e-3)
    with torch.no_grad():
        sanity = [head(b)["action_loss"].item() for b in loader(cfg, 3, 1)]
    print("sanity", [round(v, 3) for v in sanity])
    for step, batch in enumerate(loader(cfg, 12, 4)):
        loss = head(batch)["action_loss"]
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"step {step} action_loss {loss.item():.4f}")


main()
