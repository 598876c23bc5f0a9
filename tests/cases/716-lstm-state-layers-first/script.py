"""Turn walking recordings into fixed vectors with a recurrent encoder, then look for the nearest one."""
from collections import defaultdict

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class GaitEncoder(nn.Module):
    def __init__(self, sensors=6, width=16, depth=2):
        super().__init__()
        self.inner = nn.Linear(sensors, width)
        self.rnn = nn.LSTM(width, width, num_layers=depth, batch_first=True)
        self.cadence = nn.Linear(width, 1)

    def forward(self, x):
        steps, (state, _) = self.rnn(self.inner(x).relu())
        return {
            "steps": steps,
            "state": state,
            "cadence": self.cadence(steps[:, -1]),
        }


def synthetic_walks(n, length=40, sensors=6):
    gen = torch.Generator().manual_seed(12)
    speed = torch.rand(n, 1, 1, generator=gen) * 2 + 0.5
    t = torch.linspace(0, 6, length).view(1, length, 1)
    phase = torch.arange(sensors).view(1, 1, sensors) * 0.7
    return torch.sin(speed * t + phase) + 0.05 * torch.randn(n, length, sensors, generator=gen)


@torch.no_grad()
def run_over(model, loader):
    model.eval()
    collected = defaultdict(list)
    for (x,) in loader:
        for name, value in model(x).items():
            collected[name].append(value)
    return {name: torch.cat(values) for name, values in collected.items()}


def nearest(vectors, query):
    distance = (vectors - vectors[query]).norm(dim=1)
    distance[query] = float("inf")
    return distance.argmin().item()


def main():
    torch.manual_seed(0)
    walks = synthetic_walks(20)
    loader = DataLoader(TensorDataset(walks), batch_size=8)
    result = run_over(GaitEncoder(), loader)
    vectors = result["state"].flatten(1)
    print("vectors", tuple(vectors.shape), "cadence", tuple(result["cadence"].shape))
    for query in (0, 7, 19):
        print(f"walk {query:>2} is closest to {nearest(vectors, query):>2}")


main()
