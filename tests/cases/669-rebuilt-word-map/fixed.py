"""Caption pictures with the published decoder checkpoint."""
import io
from collections import Counter

import torch
from torch import nn

CAPTIONS = [
    "a dog runs on the beach", "a dog sits on the grass", "two dogs run on the grass",
    "a man sits on the beach", "the man runs with a dog", "two men sit on the grass",
    "a woman rides a red bike", "the woman rides with a man", "a red bike on the street",
    "two men ride on the street", "a woman sits with two dogs",
]


def pre_process(captions, min_word_freq=2):
    freq = Counter(word for caption in captions for word in caption.split())
    words = sorted(w for w, n in freq.items() if n >= min_word_freq)
    word_map = {w: i + 1 for i, w in enumerate(words)}
    word_map["<unk>"] = len(word_map) + 1
    word_map["<start>"] = len(word_map) + 1
    word_map["<end>"] = len(word_map) + 1
    word_map["<pad>"] = 0
    return word_map


class Decoder(nn.Module):
    def __init__(self, vocab_size, dim=24):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim)
        self.init_h, self.cell = nn.Linear(16, dim), nn.GRUCell(dim, dim)
        self.fc = nn.Linear(dim, vocab_size)

    def step(self, prev_words, h):
        h = self.cell(self.embedding(prev_words), h)
        return self.fc(h), h


def publish():
    torch.manual_seed(4)
    word_map = pre_process(CAPTIONS[:6])
    decoder = Decoder(len(word_map))
    buffer = io.BytesIO()
    torch.save({"state": decoder.state_dict(), "vocab_size": len(word_map), "word_map": word_map}, buffer)
    return buffer.getvalue()


@torch.no_grad()
def caption_image(decoder, features, word_map, limit=6):
    rev_word_map = {i: w for w, i in word_map.items()}
    h = torch.tanh(decoder.init_h(features))
    words, prev = [], torch.tensor([word_map["<start>"]])
    for _ in range(limit):
        scores, h = decoder.step(prev, h)
        prev = scores.argmax(-1)
        if prev.item() == word_map["<end>"]:
            break
        words.append(rev_word_map[prev.item()])
    return " ".join(words)


def demo(blob):
    checkpoint = torch.load(io.BytesIO(blob))
    decoder = Decoder(checkpoint["vocab_size"]).eval()
    decoder.load_state_dict(checkpoint["state"])
    word_map = checkpoint["word_map"]
    for i, features in enumerate(torch.randn(3, 1, 16)):
        print(f"picture {i}:", caption_image(decoder, features, word_map))


demo(publish())
