import io
from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F

CAPTIONS = [
    "a man is playing a guitar", "a man is riding a horse", "a woman is slicing a tomato", "a dog is running",
    "a woman is riding a horse", "a cat is playing", "a man is slicing a potato", "a dog is playing a piano",
]


class StageOne:
    init_word2idx = {"<PAD>": 0, "<SOS>": 1, "<EOS>": 2, "<UNK>": 3}
    min_count = 2
    reconstruct = False
    epochs = 3


class StageTwo(StageOne):
    init_word2idx = {"<PAD>": 0, "<SOS>": 1, "<EOS>": 2}
    reconstruct = True
    epochs = 2


class Vocabulary:
    def __init__(self, captions, config):
        self.word2idx = dict(config.init_word2idx)
        counts = Counter(word for caption in captions for word in caption.split())
        for word in sorted(counts):
            if counts[word] >= config.min_count:
                self.word2idx[word] = len(self.word2idx)

    def __len__(self):
        return len(self.word2idx)

    def encode(self, caption, length=9):
        ids = [self.word2idx[w] for w in caption.split() if w in self.word2idx]
        return [1, *ids, 2] + [0] * (length - len(ids) - 2)


class Decoder(nn.Module):
    def __init__(self, n_words, hidden=16):
        super().__init__()
        self.embedding = nn.Embedding(n_words, 12, padding_idx=0)
        self.rnn = nn.GRU(12, hidden, batch_first=True)
        self.out = nn.Linear(hidden, n_words)

    def forward(self, words, video):
        states, _ = self.rnn(self.embedding(words), video.unsqueeze(0))
        return self.out(states), states


def run(config, videos, checkpoint=None):
    vocab = Vocabulary(CAPTIONS, config)
    decoder = Decoder(len(vocab))
    if checkpoint is not None:
        decoder.load_state_dict(torch.load(checkpoint)["decoder"])
    reconstructor = nn.GRU(16, 16, batch_first=True)
    optimizer = torch.optim.Adam([*decoder.parameters(), *reconstructor.parameters()], lr=1e-2)
    words = torch.tensor([vocab.encode(c) for c in CAPTIONS])
    for _ in range(config.epochs):
        logits, states = decoder(words[:, :-1], videos)
        loss = F.cross_entropy(logits.flatten(0, 1), words[:, 1:].flatten(), ignore_index=0)
        if config.reconstruct:
            loss = loss + 0.2 * F.mse_loss(reconstructor(states)[1][0], videos)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{config.__name__}: {len(vocab)} words, loss {loss.item():.3f}")
    stream = io.BytesIO()
    torch.save({"decoder": decoder.state_dict()}, stream)
    stream.seek(0)
    return stream


torch.manual_seed(1)
videos = torch.randn(len(CAPTIONS), 16)
run(StageTwo, videos, checkpoint=run(StageOne, videos))
