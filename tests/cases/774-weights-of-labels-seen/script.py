import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = ["question", "answer", "header", "other"]


def balanced_weights(labels):
    classes, counts = np.unique(labels.numpy(), return_counts=True)
    weights = labels.numel() / (len(classes) * counts)
    return torch.tensor(weights, dtype=torch.float32)


def node_loss(scores, labels):
    return F.cross_entropy(scores, labels, weight=balanced_weights(labels))


class PageGraph:
    def __init__(self, features, labels):
        self.features, self.labels = features, labels
        near = torch.cdist(features[:, :2], features[:, :2]).topk(4, largest=False).indices
        self.adjacency = torch.zeros(len(labels), len(labels)).scatter_(1, near, 0.25)


class GraphSage(nn.Module):
    def __init__(self, n_in, hidden, n_classes):
        super().__init__()
        self.own, self.around = nn.Linear(n_in, hidden), nn.Linear(n_in, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, n_classes)

    def forward(self, page):
        h = self.own(page.features) + self.around(page.adjacency @ page.features)
        return self.out(torch.relu(self.norm(h)))


def read_page(kinds, seed):
    gen = torch.Generator().manual_seed(seed)
    labels = torch.tensor([CLASSES.index(k) for k in kinds])
    features = torch.randn(len(kinds), 6, generator=gen)
    features[torch.arange(len(kinds)), 2 + labels] += 2.0
    return PageGraph(features, labels)


def load_forms():
    yield read_page(["header"] + ["question", "answer"] * 5 + ["other"] * 3, seed=0)
    yield read_page(["header", "header"] + ["question", "answer"] * 3 + ["other"] * 2, seed=1)
    yield read_page(["question", "answer", "answer"] * 3 + ["other"] * 4, seed=2)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = GraphSage(6, 24, len(CLASSES))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for number, page in enumerate(load_forms()):
        scores = model(page)
        loss = node_loss(scores, page.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits = (scores.argmax(1) == page.labels).float().mean().item()
        print(f"page {number} nodes {len(page.labels)} loss {loss.item():.4f} accuracy {hits:.2f}")
