import io
from collections import Counter

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
TRAIN_TEXTS = ["the film was good", "the film was bad", "a good good plot", "a bad plot", "the cast was fine"]
NEW_TEXTS = ["the plot was fine", "fine cast and the good plot", "bad and slow"]


def build_vocab(texts, min_freq=2):
    counts = Counter(w for t in texts for w in t.split())
    words = ["<pad>", "<unk>"] + sorted(w for w, n in counts.items() if n >= min_freq)
    return {w: i for i, w in enumerate(words)}


def encode(text, vocab, width=6):
    ids = [vocab.get(w, 1) for w in text.split()][:width]
    return torch.tensor(ids + [0] * (width - len(ids)))


class BagOfWords(nn.Module):
    def __init__(self, vocab_size, dim=16):
        super().__init__()
        self.emb = nn.EmbeddingBag(vocab_size, dim, padding_idx=0)
        self.fc = nn.Linear(dim, 2)

    def forward(self, ids):
        return self.fc(self.emb(ids))


def train(stream):
    vocab = build_vocab(TRAIN_TEXTS)
    model = BagOfWords(len(vocab))
    x, y = torch.stack([encode(t, vocab) for t in TRAIN_TEXTS]), torch.tensor([1, 0, 1, 0, 1])
    opt = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(10):
        loss = nn.functional.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    torch.save({"model": model.state_dict(), "loss": loss.item()}, stream)


def predict(stream):
    vocab = build_vocab(NEW_TEXTS)
    model = BagOfWords(len(vocab))
    model.load_state_dict(torch.load(stream)["model"])
    return model(torch.stack([encode(t, vocab) for t in NEW_TEXTS])).argmax(1)


stream = io.BytesIO()
train(stream)
stream.seek(0)
print(predict(stream))
