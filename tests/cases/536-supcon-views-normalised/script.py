import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class SupConLoss(nn.Module):
    """Supervised contrastive loss over features of shape (batch, views, dim)."""

    def __init__(self, temperature=0.07):
        super().__init__()
        self.temperature = temperature

    def forward(self, features, labels):
        batch, views, _ = features.shape
        labels = labels.view(-1, 1)
        same = torch.eq(labels, labels.t()).float().repeat(views, views)
        anchors = torch.cat(features.unbind(dim=1), dim=0)
        logits = anchors @ anchors.t() / self.temperature
        logits = logits - logits.max(dim=1, keepdim=True).values.detach()
        others = 1 - torch.eye(batch * views)
        same = same * others
        exp_logits = torch.exp(logits) * others
        log_prob = logits - torch.log(exp_logits.sum(1, keepdim=True))
        return -((same * log_prob).sum(1) / same.sum(1)).mean()


class SupConNet(nn.Module):
    def __init__(self, in_dim=20, feat_dim=128):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(in_dim, 64), nn.BatchNorm1d(64), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, feat_dim), nn.BatchNorm1d(feat_dim))

    def forward(self, x):
        return self.head(self.encoder(x))


class TwoCrops:
    def __init__(self, noise):
        self.noise = noise

    def __call__(self, x):
        return [x + self.noise * torch.randn_like(x) for _ in range(2)]


def train_epoch(model, loader, crops, criterion, optimizer):
    total = 0.0
    for x, labels in loader:
        f1, f2 = (model(view) for view in crops(x))
        features = F.normalize(torch.stack([f1, f2], dim=1), dim=1)
        loss = criterion(features, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


if __name__ == "__main__":
    torch.manual_seed(0)
    labels = torch.randint(10, (96,))
    samples = torch.randn(10, 20)[labels] + 0.5 * torch.randn(96, 20)
    model = SupConNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loader = DataLoader(TensorDataset(samples, labels), batch_size=32)
    for epoch in range(3):
        print(f"epoch {epoch} loss {train_epoch(model, loader, TwoCrops(0.2), SupConLoss(), optimizer):.4f}")
