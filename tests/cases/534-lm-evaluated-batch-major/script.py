import math

import torch
import torch.nn as nn

VOCAB, BPTT = 60, 12


class BPTTSampler:
    """Cuts a stream into `batch_size` columns and walks over them in windows of `bptt` words."""

    def __init__(self, stream, bptt, batch_size):
        self.stream, self.bptt, self.batch_size = stream, bptt, batch_size
        self.span = len(stream) // batch_size

    def __iter__(self):
        for start in range(0, self.span - self.bptt, self.bptt):
            begins = [b * self.span + start for b in range(self.batch_size)]
            source = torch.stack([self.stream[i:i + self.bptt] for i in begins])
            target = torch.stack([self.stream[i + 1:i + 1 + self.bptt] for i in begins])
            yield source, target


class RNNModel(nn.Module):
    def __init__(self, vocab, emb=24, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.encoder = nn.Embedding(vocab, emb)
        self.rnn = nn.LSTM(emb, hidden)
        self.decoder = nn.Linear(hidden, vocab)

    def init_hidden(self, batch_size):
        return tuple(torch.zeros(1, batch_size, self.hidden) for _ in range(2))

    def forward(self, words, state):
        output, state = self.rnn(self.encoder(words), state)
        return self.decoder(output), state


def train(model, sampler, optimizer, criterion):
    state = model.init_hidden(sampler.batch_size)
    for source, target in sampler:
        source, target = source.t(), target.t()
        logits, state = model(source, tuple(s.detach() for s in state))
        loss = criterion(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, sampler, criterion):
    state, total, words = model.init_hidden(sampler.batch_size), 0.0, 0
    for source, target in sampler:
        logits, state = model(source, state)
        total += criterion(logits.flatten(0, 1), target.flatten()).item() * target.numel()
        words += target.numel()
    return math.exp(total / words)


if __name__ == "__main__":
    torch.manual_seed(0)
    corpus = torch.randint(VOCAB, (100,)).repeat(12)
    model, criterion = RNNModel(VOCAB), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    print("train loss", round(train(model, BPTTSampler(corpus[:900], BPTT, 8), optimizer, criterion), 3))
    print("valid ppl", round(evaluate(model, BPTTSampler(corpus[900:], BPTT, 4), criterion), 2))
