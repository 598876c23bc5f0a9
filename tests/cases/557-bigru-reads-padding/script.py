import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

PAD = 0
FAQ = [
    "how do i reset my password",
    "where is my parcel",
    "can i change the delivery address after i have placed the order",
    "refund",
    "how long does a refund take to arrive on my card",
    "my parcel is damaged what should i do now",
]


class Vocab:
    def __init__(self, texts):
        words = sorted({w for t in texts for w in t.split()})
        self.stoi = {w: i + 1 for i, w in enumerate(words)}

    def __len__(self):
        return len(self.stoi) + 1

    def encode(self, text):
        return torch.tensor([self.stoi[w] for w in text.split() if w in self.stoi])


class QuestionEncoder(nn.Module):
    def __init__(self, vocab_size, emb=24, hidden=20):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, emb, padding_idx=PAD)
        self.gru = nn.GRU(emb, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, 16)

    def forward(self, tokens, lengths):
        x = self.embedding(tokens)
        _, state = self.gru(x)
        forward, backward = state
        return F.normalize(self.out(torch.cat([forward, backward], dim=-1)), dim=-1)


def collate(rows):
    return pad_sequence(rows, batch_first=True, padding_value=PAD), torch.tensor([len(r) for r in rows])


@torch.no_grad()
def embed(model, vocab, texts, batch_size=4):
    loader = DataLoader([vocab.encode(t) for t in texts], batch_size=batch_size, collate_fn=collate)
    return torch.cat([model(tokens, lengths) for tokens, lengths in loader])


def main():
    torch.manual_seed(3)
    vocab = Vocab(FAQ)
    model = QuestionEncoder(len(vocab)).eval()
    index = embed(model, vocab, FAQ)
    for query in ("refund", "where is my parcel"):
        scores = embed(model, vocab, [query]) @ index.T
        best = scores.argmax(-1).item()
        print(f"{query!r} -> {FAQ[best]!r} ({scores.max().item():.3f})")


if __name__ == "__main__":
    main()
