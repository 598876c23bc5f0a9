"""Few-shot episodes with a prototypical network on drawn strokes."""
import torch
from torch import nn
from torch.nn import functional as F

LENGTH = 24


def draw(cls, count, gen):
    """`count` noisy strokes of class `cls`."""
    t = torch.linspace(0, 1, LENGTH)
    phase = torch.rand(count, 1, generator=gen) * 0.3
    stroke = torch.sin(2 * torch.pi * (1 + 0.6 * cls) * (t + phase))
    return (stroke + 0.15 * torch.randn(count, LENGTH, generator=gen)).unsqueeze(1)


def episode(classes, n_support, n_query, gen):
    samples = torch.stack([draw(c, n_support + n_query, gen) for c in classes])
    return samples[:, :n_support], samples[:, n_support:]


def euclidean_dist(x, y):
    return (x.unsqueeze(1) - y.unsqueeze(0)).pow(2).sum(-1)


class Encoder(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, width, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(width, width, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten(),
        )

    def forward(self, x):
        return self.net(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def prototypical_loss(support, query):
    n_classes, n_query = query.shape[:2]
    prototypes = support.mean(1)
    dists = euclidean_dist(query.flatten(0, 1), prototypes)
    log_p_y = F.log_softmax(-dists, dim=1).view(n_classes, n_query, -1)
    target_inds = torch.arange(n_classes).view(n_classes, 1, 1).expand(n_classes, n_query, 1)
    loss = -log_p_y.gather(2, target_inds).view(-1).mean()
    y_hat = log_p_y.argmax(2)
    acc = y_hat.eq(target_inds.squeeze()).float().mean()
    return loss, acc


def run(encoder, classes, n_support, n_query, gen):
    support, query = episode(classes, n_support, n_query, gen)
    return prototypical_loss(encoder(support), encoder(query))


def main():
    torch.manual_seed(0)
    gen = torch.Generator().manual_seed(11)
    encoder = Encoder()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
    for step in range(60):
        loss, acc = run(encoder, range(6), 5, 5, gen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"train loss {loss.item():.3f} acc {acc.item():.3f}")
    with torch.no_grad():
        results = [run(encoder, range(6), 5, 1, gen) for _ in range(20)]
    loss, acc = (sum(values) / len(results) for values in zip(*results))
    print(f"val   loss {loss.item():.3f} acc {acc.item():.3f}")


if __name__ == "__main__":
    main()
