"""Sentiment classifier: an LSTM with a self-attention layer over its states."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

REVIEWS = [
    ("what a warm and funny film", 1), ("dull", 0), ("too long and too loud", 0),
    ("a small wonder", 1), ("funny and wise", 1), ("loud dull mess", 0),
]


class EncoderRNN(nn.Module):
    def __init__(self, emb_dim, h_dim, v_size):
        super().__init__()
        self.embed_layer = nn.Embedding(v_size, emb_dim, padding_idx=0)
        self.drop = nn.Dropout(0.1)
        self.lstm = nn.LSTM(emb_dim, h_dim, batch_first=True, bidirectional=True)

    def forward(self, sentence, lengths):
        emb = self.drop(self.embed_layer(sentence))
        packed_emb = pack_padded_sequence(emb, lengths, batch_first=True)
        out, _ = self.lstm(packed_emb)
        out, _ = pad_packed_sequence(out, batch_first=True)
        return out


class Attn(nn.Module):
    def __init__(self, h_dim):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(2 * h_dim, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, states, lengths):
        score = self.score(states).squeeze(-1)
        outside = torch.arange(states.size(1)) >= lengths.unsqueeze(1)
        return score.masked_fill(outside, float("-inf")).softmax(dim=1)


class Classifier(nn.Module):
    def __init__(self, v_size, emb_dim=16, h_dim=12, classes=2):
        super().__init__()
        self.encoder = EncoderRNN(emb_dim, h_dim, v_size)
        self.attn = Attn(h_dim)
        self.main = nn.Linear(2 * h_dim, classes)

    def forward(self, sentence, lengths):
        states = self.encoder(sentence, lengths)
        weights = self.attn(states, lengths)
        return self.main((weights.unsqueeze(-1) * states).sum(1))


def batches(vocab, size):
    for start in range(0, len(REVIEWS), size):
        part = sorted(REVIEWS[start:start + size], key=lambda r: len(r[0].split()), reverse=True)
        rows = [torch.tensor([vocab[w] for w in text.split()]) for text, _ in part]
        lengths = torch.tensor([len(r) for r in rows])
        yield pad_sequence(rows, batch_first=True), lengths, torch.tensor([label for _, label in part])


if __name__ == "__main__":
    torch.manual_seed(0)
    vocab = {w: i + 1 for i, w in enumerate(sorted({w for text, _ in REVIEWS for w in text.split()}))}
    model = Classifier(v_size=len(vocab) + 1)
    print("words", len(vocab))
    for sentence, lengths, labels in batches(vocab, size=3):
        loss = F.cross_entropy(model(sentence, lengths), labels)
        loss.backward()
        print(f"longest {sentence.size(1)} loss {loss.item():.3f}")
