"""Score sleep stages from short polysomnography windows with a two-branch network."""
import torch
from torch import nn


def branch(width, stride, pool):
    return nn.Sequential(
        nn.Conv2d(1, 8, (1, width), stride=(1, stride), padding=(0, width // 2), bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d((1, pool), stride=(1, pool)),
        nn.Conv2d(8, 12, (1, 3), padding=(0, 1), bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
    )


class DeepSleep(nn.Module):
    def __init__(self, n_chans, n_times, n_outputs, hidden=24):
        super().__init__()
        self.n_chans = n_chans
        self.small = branch(width=9, stride=2, pool=4)
        self.large = branch(width=33, stride=4, pool=2)
        self.features = nn.Sequential(nn.Linear(self.feature_size(n_times), hidden), nn.ReLU())
        self.rnn = nn.LSTM(hidden, hidden // 2, bidirectional=True, batch_first=True)
        self.final = nn.Linear(hidden, n_outputs)

    @torch.no_grad()
    def feature_size(self, n_times):
        probe = torch.zeros(1, 1, self.n_chans, n_times)
        return self.small(probe).numel() + self.large(probe).numel()

    def encode(self, epochs):
        x = epochs.unsqueeze(1)
        both = [self.small(x).flatten(1), self.large(x).flatten(1)]
        return self.features(torch.cat(both, dim=1))

    def forward(self, nights):
        n_nights, n_epochs, n_chans, n_times = nights.shape
        encoded = self.encode(nights.reshape(-1, n_chans, n_times))
        sequence, _ = self.rnn(encoded.view(n_nights, n_epochs, -1))
        return self.final(sequence)


def recordings(n_nights, n_epochs, n_chans, n_times):
    gen = torch.Generator().manual_seed(8)
    stages = torch.randint(0, 5, (n_nights, n_epochs), generator=gen)
    t = torch.linspace(0, 1, n_times)
    wave = torch.sin(2 * torch.pi * (2 + 3 * stages.float())[..., None, None] * t)
    return wave + 0.3 * torch.randn(n_nights, n_epochs, n_chans, n_times, generator=gen), stages


def main():
    torch.manual_seed(0)
    signals, stages = recordings(n_nights=3, n_epochs=6, n_chans=4, n_times=200)
    net = DeepSleep(n_chans=4, n_times=200, n_outputs=5)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(4):
        scores = net(signals)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), stages.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits = (scores.argmax(-1) == stages).float().mean()
        print(f"epoch {epoch}: loss {loss.item():.3f} accuracy {hits.item():.2f}")


if __name__ == "__main__":
    main()
