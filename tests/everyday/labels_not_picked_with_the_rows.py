import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

TASKS = {"topic": 6, "tone": 3, "spam": 2}


class Reviews(Dataset):
    """Not every review is labelled for every task; -1 marks a missing label."""

    def __init__(self, n=60):
        g = torch.Generator().manual_seed(5)
        self.x = torch.randn(n, 18, generator=g)
        self.y = {t: torch.randint(0, c, (n,), generator=g) for t, c in TASKS.items()}
        self.y["tone"][torch.rand(n, generator=g) < 0.4] = -1

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"x": self.x[i], **{t: y[i] for t, y in self.y.items()}}


class MultiTask(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(18, width), nn.GELU())
        self.heads = nn.ModuleDict({t: nn.Linear(width, c) for t, c in TASKS.items()})

    def forward(self, batch):
        h = self.trunk(batch["x"])
        outputs = {}
        for task, head in self.heads.items():
            outputs[task] = head(h[batch[task] >= 0])
        return outputs


class Trainer:
    weights = {"topic": 1.0, "tone": 0.5, "spam": 0.5}

    def __init__(self, model):
        self.model = model
        self.opt = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss(self, batch):
        total = 0.0
        for task, logits in self.model(batch).items():
            target = batch[task]
            total = total + self.weights[task] * F.cross_entropy(logits, target)
        return total

    def fit(self, loader):
        for batch in loader:
            loss = self.loss(batch)
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
        return loss.item()


torch.manual_seed(0)
print(Trainer(MultiTask()).fit(DataLoader(Reviews(), batch_size=12)))
