"""Section and subsection labels for patent abstracts with a small CNN."""
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ABSTRACTS = [
    "a rotor blade with a hollow root",
    "method for coating a glass fibre",
    "a valve with a spring loaded seat",
    "optical fibre with low loss coating",
]
SECTIONS = [0, 1, 0, 1]


def create_vocab(texts):
    counts = Counter(word for text in texts for word in text.split())
    vocab = sorted(counts, key=counts.get, reverse=True)
    return {word: number for number, word in enumerate(vocab, 1)}


def pad_features(rows, seq_length):
    features = np.zeros((len(rows), seq_length), dtype=int)
    for i, row in enumerate(rows):
        features[i, :len(row)] = np.array(row)[:seq_length]
    return features


class TextCNN(nn.Module):
    def __init__(self, num_words, sections, embed_dim=16, filters=8, widths=(2, 3)):
        super().__init__()
        self.embedding = nn.Embedding(num_words, embed_dim, padding_idx=0)
        self.convs = nn.ModuleList(nn.Conv1d(embed_dim, filters, w) for w in widths)
        self.section = nn.Linear(filters * len(widths), sections)

    def forward(self, ids):
        x = self.embedding(ids).transpose(1, 2)
        pooled = [conv(x).relu().amax(dim=2) for conv in self.convs]
        return self.section(torch.cat(pooled, dim=1))


def load_data(texts, labels, seq_length=10):
    vocab_to_int = create_vocab(texts)
    rows = [[vocab_to_int[word] for word in text.split()] for text in texts]
    features = torch.from_numpy(pad_features(rows, seq_length))
    return vocab_to_int, TensorDataset(features, torch.tensor(labels))


def main():
    torch.manual_seed(0)
    vocab_to_int, data = load_data(ABSTRACTS, SECTIONS)
    print("words", len(vocab_to_int), "abstracts", len(data))
    model = TextCNN(num_words=len(vocab_to_int) + 1, sections=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(2):
        for features, labels in DataLoader(data, batch_size=2):
            loss = nn.functional.cross_entropy(model(features), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
