import torch
import torch.nn as nn

LABELS = ["toxic", "threat", "insult"]
COMMENTS = [
    ("you are a nasty fool and everybody here knows it very well", [1, 0, 1]),
    ("thanks for the edit", [0, 0, 0]),
    ("i will find you", [1, 1, 0]),
    ("please add a source to the second paragraph of the article", [0, 0, 0]),
    ("fool", [1, 0, 1]),
    ("what a nice picture", [0, 0, 0]),
]


class Vocabulary:
    def __init__(self, texts):
        words = sorted({w for t in texts for w in t.split()})
        self.itos = ["<unk>", "<pad>"] + words
        self.stoi = {w: i for i, w in enumerate(self.itos)}
        self.pad = self.stoi["<pad>"]

    def process(self, texts):
        """Batch of texts to ids, (length, batch)."""
        rows = [[self.stoi.get(w, 0) for w in t.split()] for t in texts]
        width = max(len(r) for r in rows)
        ids = torch.tensor([r + [self.pad] * (width - len(r)) for r in rows]).t()
        return ids, torch.tensor([len(r) for r in rows])


class LSTMBaseline(nn.Module):
    def __init__(self, vocab, hidden=24, emb=16, linear_layers=1):
        super().__init__()
        self.embedding = nn.Embedding(len(vocab.itos), emb, padding_idx=vocab.pad)
        self.encoder = nn.LSTM(emb, hidden)
        self.linears = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(linear_layers))
        self.predictor = nn.Linear(hidden, len(LABELS))

    def forward(self, seq, lengths):
        hdn, _ = self.encoder(self.embedding(seq))
        feature = hdn[lengths - 1, torch.arange(len(lengths))]
        for layer in self.linears:
            feature = torch.relu(layer(feature))
        return self.predictor(feature)


def fit(model, vocab, epochs=40, batch_size=3):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(epochs):
        for start in range(0, len(COMMENTS), batch_size):
            texts, targets = zip(*COMMENTS[start:start + batch_size])
            logits = model(*vocab.process(texts))
            loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(targets).float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return loss.item()


@torch.no_grad()
def predict(model, vocab, texts):
    return [[round(p, 3) for p in row] for row in torch.sigmoid(model(*vocab.process(texts))).tolist()]


if __name__ == "__main__":
    torch.manual_seed(0)
    vocab = Vocabulary([t for t, _ in COMMENTS])
    model = LSTMBaseline(vocab)
    print("final loss", round(fit(model, vocab), 4))
    for (text, _), scores in zip(COMMENTS, predict(model, vocab, [t for t, _ in COMMENTS])):
        print(f"{text[:24]:26}", dict(zip(LABELS, scores)))
    print("alone:", predict(model, vocab, ["fool"])[0])
