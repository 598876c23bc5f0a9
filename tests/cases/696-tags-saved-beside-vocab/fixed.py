"""Clause reordering: convert tagged sentences to id files, then train a small scorer on them."""
import json
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

RELEASED_TAGS = ["<pad>", "<sep>", "DT", "NN", "VBZ", "JJ", "IN", "PRP", "RB"]
SAMPLES = [
    ("PRP VBZ RB", "IN DT NN VBZ JJ", 1),
    ("DT JJ NN VBZ", "IN PRP VBZ DT NN", 0),
    ("DT NN VBZ RB", "IN DT JJ NN VBZ RB", 0),
    ("PRP MD VB DT NN", "IN PRP VBZ TO VB", 1),
    ("DT NN MD VB RB", "IN DT NN VBZ", 1),
    ("PRP VBZ JJ", "IN PRP VBZ RB", 0),
]


def unpack_release(folder):
    vocab = {tag: i for i, tag in enumerate(RELEASED_TAGS)}
    (folder / "pos_vocab.json").write_text(json.dumps(vocab))


def convert(folder, samples):
    vocab = json.loads((folder / "pos_vocab.json").read_text())
    rows = []
    for first, second, label in samples:
        tags = first.split() + ["<sep>"] + second.split()
        for tag in tags:
            vocab.setdefault(tag, len(vocab))
        rows.append({"pos": [vocab[t] for t in tags], "swap": label})
    (folder / "train.json").write_text(json.dumps(rows))
    (folder / "pos_vocab_train.json").write_text(json.dumps(vocab))
    return len(rows)


class SwapScorer(nn.Module):
    def __init__(self, tag_count, width=24):
        super().__init__()
        self.tags = nn.Embedding(tag_count, width, padding_idx=0)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, pos):
        _, last = self.encoder(self.tags(pos))
        return self.out(last[0]).squeeze(-1)


def train(folder, epochs=2, batch_size=3):
    vocab = json.loads((folder / "pos_vocab_train.json").read_text())
    rows = json.loads((folder / "train.json").read_text())
    model = SwapScorer(tag_count=len(vocab))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(epochs):
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            pos = pad_sequence([torch.tensor(r["pos"]) for r in batch], batch_first=True)
            swap = torch.tensor([float(r["swap"]) for r in batch])
            loss = nn.functional.binary_cross_entropy_with_logits(model(pos), swap)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            print(f"epoch {epoch} rows {start}-{start + len(batch) - 1} loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        workdir = Path(name)
        unpack_release(workdir)
        print("converted", convert(workdir, SAMPLES), "samples")
        train(workdir)
