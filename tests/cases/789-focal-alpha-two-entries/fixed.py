import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0, alpha=None):
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha
        if isinstance(alpha, (float, int)):
            self.alpha = torch.tensor([alpha, 1 - alpha])
        if isinstance(alpha, (list, tuple)):
            self.alpha = torch.tensor(alpha)

    def forward(self, logits, target):
        if logits.dim() > 2:
            logits = logits.flatten(2).transpose(1, 2).flatten(0, 1)
        target = target.reshape(-1)
        log_pt = logits.log_softmax(1).gather(1, target.unsqueeze(1)).squeeze(1)
        pt = log_pt.exp()
        if self.alpha is not None:
            log_pt = log_pt * self.alpha.to(logits).gather(0, target)
        return -((1 - pt) ** self.gamma * log_pt).mean()


class Classifier(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Linear(32, n_classes))

    def forward(self, x):
        return self.layers(x)


def make_data(n_classes):
    gen = torch.Generator().manual_seed(n_classes)
    x = torch.randn(24, 10, generator=gen)
    y = torch.arange(24).flip(0) % n_classes
    return DataLoader(TensorDataset(x, y), batch_size=8)


def fit(n_classes, criterion, epochs=2):
    torch.manual_seed(0)
    net = Classifier(10, n_classes)
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    for epoch in range(epochs):
        total = 0.0
        for x, y in make_data(n_classes):
            loss = criterion(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"{n_classes} classes, epoch {epoch}: {total:.4f}")


fit(2, FocalLoss(gamma=2.0, alpha=0.25))
fit(4, FocalLoss(gamma=2.0))
fit(4, FocalLoss(gamma=2.0, alpha=[0.25, 0.75, 0.75, 0.75]))
