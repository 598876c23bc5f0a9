"""Acoustic model of a statistical speech synthesiser: linguistic features in, vocoder streams out."""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

STREAMS = {"mgc": 12, "lf0": 1, "bap": 5}
LINGUISTIC = 20


class StreamJoiner:
    """Put the vocoder streams side by side."""

    def __init__(self, axis=1):
        self.axis = axis

    def __call__(self, streams):
        return torch.cat(streams, dim=self.axis)


class AcousticModel(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(LINGUISTIC, hidden, batch_first=True)
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, size) for name, size in STREAMS.items()})
        self.join = StreamJoiner()

    def forward(self, linguistic):
        states, _ = self.rnn(linguistic)
        return self.join([head(states) for head in self.heads.values()])


def corpus(count, seed=1):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(count):
        frames = int(torch.randint(30, 60, (1,), generator=gen))
        yield torch.rand(frames, LINGUISTIC, generator=gen), torch.randn(frames, sum(STREAMS.values()), generator=gen)


def batches(utterances, size):
    for i in range(0, len(utterances), size):
        chunk = utterances[i:i + size]
        weight = [torch.ones(len(x)) for x, _ in chunk]
        yield tuple(pad_sequence(list(c), batch_first=True) for c in (*zip(*chunk), weight))


def train(model, utterances, batch_size, epochs):
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(epochs):
        total = 0.0
        for x, y, weight in batches(utterances, batch_size):
            error = (model(x) - y).square().mean(-1)
            loss = (error * weight).sum() / weight.sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total:.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    data = list(corpus(7))
    net = AcousticModel()
    print("one utterance", tuple(net(data[0][0]).shape))
    train(net, data, batch_size=3, epochs=2)
