"""Novel class discovery: two views of a batch predict each other's cluster assignment."""
import torch
import torch.nn.functional as F
from torch import nn


class Prototypes(nn.Module):
    def __init__(self, dim, clusters):
        super().__init__()
        self.weight = nn.Parameter(F.normalize(torch.randn(clusters, dim), dim=-1))

    def forward(self, feats):
        return F.normalize(feats, dim=-1) @ F.normalize(self.weight, dim=-1).t()


class MultiHeadNet(nn.Module):
    def __init__(self, inputs=10, dim=16, clusters=4, heads=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, dim))
        self.heads = nn.ModuleList(Prototypes(dim, clusters) for _ in range(heads))

    def forward(self, views):
        feats = self.encoder(views)
        return torch.stack([head(feats) for head in self.heads])


@torch.no_grad()
def sinkhorn(logits, epsilon=0.05, iterations=3):
    q = (logits / epsilon).exp()
    for _ in range(iterations):
        q = q / q.sum(0, keepdim=True)
        q = q / q.sum(1, keepdim=True)
    return q


class Discover:
    def __init__(self, temperature=0.1):
        self.net = MultiHeadNet()
        self.temperature = temperature
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=5e-3)

    def cross_entropy_loss(self, preds, targets):
        preds = F.log_softmax(preds / self.temperature, dim=-1)
        return -(targets * preds).sum(-1).mean()

    def swapped_prediction(self, logits, targets):
        loss = 0
        for view in range(logits.size(1)):
            for other in set(range(logits.size(1))) - {view}:
                loss = loss + self.cross_entropy_loss(logits[:, other], targets[:, view])
        return loss / logits.size(1)

    def training_step(self, views):
        logits = self.net(views)
        targets = torch.stack([torch.stack([sinkhorn(view) for view in head]) for head in logits])
        loss = self.swapped_prediction(logits, targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def two_views(centers, count):
    labels = torch.randint(0, len(centers), (count,))
    clean = centers[labels]
    return torch.stack([clean + 0.4 * torch.randn_like(clean) for _ in range(2)]), labels


if __name__ == "__main__":
    torch.manual_seed(0)
    centers = torch.randn(4, 10) * 2
    task = Discover()
    for step in range(1, 61):
        loss = task.training_step(two_views(centers, 48)[0])
        if step % 20 == 0:
            print(f"step {step} loss {loss:.4f}")
    views, labels = two_views(centers, 200)
    clusters = task.net(views)[0, 0].argmax(-1)
    purity = sum(labels[clusters == c].bincount().max().item() for c in clusters.unique()) / 200
    print(f"purity {purity:.2f}")
