import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PAD, BOS, EOS = 0, 1, 2
PAIRS = [("walk", "walked"), ("stop", "stopped"), ("try", "tried"), ("go", "went"), ("play", "played")]
CHARS = {c: i + 3 for i, c in enumerate(sorted(set("".join(a + b for a, b in PAIRS))))}


class LSTMEncoder(nn.Module):
    def __init__(self, vocab, embedding_size, hidden_size, bidirectional):
        super().__init__()
        self.embed = nn.Embedding(vocab, embedding_size, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True, bidirectional=bidirectional)

    @property
    def output_size(self):
        return self.lstm.hidden_size * (2 if self.lstm.bidirectional else 1)

    def forward(self, source):
        return self.lstm(self.embed(source))[0]


class TransformerDecoder(nn.Module):
    def __init__(self, vocab, embedding_size, heads, hidden_size, layers=1):
        super().__init__()
        self.embed = nn.Embedding(vocab, embedding_size, padding_idx=PAD)
        self.positions = nn.Embedding(32, embedding_size)
        layer = nn.TransformerDecoderLayer(embedding_size, heads, hidden_size, dropout=0.0, batch_first=True)
        self.module = nn.TransformerDecoder(layer, layers, norm=nn.LayerNorm(embedding_size))

    def forward(self, target, encoded, source_mask):
        length = target.size(1)
        embedded = self.embed(target) + self.positions(torch.arange(length))
        causal = torch.ones(length, length, dtype=torch.bool).triu(1)
        return self.module(embedded, encoded, tgt_mask=causal, memory_key_padding_mask=source_mask)


class Inflector(nn.Module):
    def __init__(self, vocab, embedding_size=32, hidden_size=32, bidirectional=True):
        super().__init__()
        self.encoder = LSTMEncoder(vocab, embedding_size, hidden_size, bidirectional)
        self.decoder = TransformerDecoder(vocab, embedding_size, heads=4, hidden_size=2 * hidden_size)
        self.classifier = nn.Linear(embedding_size, vocab)

    def forward(self, source, target):
        encoded = self.encoder(source)
        return self.classifier(self.decoder(target, encoded, source == PAD))


def tensorize(words):
    return pad_sequence([torch.tensor([BOS, *(CHARS[c] for c in w), EOS]) for w in words], batch_first=True)


def run(model, steps=5):
    source, target = (tensorize(words) for words in zip(*PAIRS))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        logits = model(source, target[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    vocab = len(CHARS) + 3
    for bidirectional in (False, True):
        torch.manual_seed(0)
        model = Inflector(vocab, bidirectional=bidirectional)
        print("bidirectional" if bidirectional else "one direction", "loss %.3f" % run(model))
