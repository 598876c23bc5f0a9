import torch
from torch import nn
import torch.nn.functional as F

PAD, START = 0, 1
RNNS = {"gru": nn.GRU, "lstm": nn.LSTM}


class Encoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, channels, 3, 2, 1), nn.ReLU(),
        )

    def forward(self, images):
        return self.net(images).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, hidden, channels):
        super().__init__()
        self.query, self.key = nn.Linear(hidden, channels), nn.Linear(channels, channels)

    def forward(self, state, cells):
        scores = torch.tanh(self.query(state).unsqueeze(1) + self.key(cells)).sum(-1)
        return (scores.softmax(-1).unsqueeze(-1) * cells).sum(1)


class Decoder(nn.Module):
    def __init__(self, num_classes, channels, hidden=24, embedding=16, layers=2, rnn="lstm"):
        super().__init__()
        self.layers, self.hidden = layers, hidden
        self.embedding = nn.Embedding(num_classes, embedding, padding_idx=PAD)
        self.attention = Attention(hidden, channels)
        self.rnn = RNNS[rnn](embedding + channels, hidden, layers, batch_first=True)
        self.out = nn.Linear(hidden, num_classes)

    def reset(self, cells):
        state = torch.zeros(self.layers, cells.size(0), self.hidden)
        return (state, torch.zeros_like(state)), state[-1]

    def forward(self, token, cells, state, top):
        context = self.attention(top, cells)
        step = torch.cat([self.embedding(token), context], dim=-1)
        out, state = self.rnn(step.unsqueeze(1), state)
        top = out.squeeze(1)
        return self.out(top), state, top


def formula_batches(n, batch_size, vocab, length=6):
    gen = torch.Generator().manual_seed(3)
    for _ in range(n):
        tokens = torch.randint(2, vocab, (batch_size, length), generator=gen)
        tokens[:, 0] = START
        yield torch.rand(batch_size, 1, 16, 32, generator=gen), tokens


def train(vocab=20):
    torch.manual_seed(0)
    enc, dec = Encoder(channels=12), Decoder(vocab, channels=12)
    optimizer = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=3e-3)
    for i, (images, tokens) in enumerate(formula_batches(3, 4, vocab)):
        cells = enc(images)
        state, top = dec.reset(cells)
        loss = 0.0
        for t in range(tokens.size(1) - 1):
            logits, state, top = dec(tokens[:, t], cells, state, top)
            loss = loss + F.cross_entropy(logits, tokens[:, t + 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"batch {i} loss {loss.item() / (tokens.size(1) - 1):.4f}")


if __name__ == "__main__":
    train()
