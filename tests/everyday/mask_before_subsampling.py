"""Speech encoder: two strided convolutions, then a transformer."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


def padding_mask(lengths, width):
    return torch.arange(width)[None, :] >= lengths[:, None]


class Subsample(nn.Module):
    def __init__(self, mels, d):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv1d(mels, d, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(d, d, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.convs(x.transpose(1, 2)).transpose(1, 2)


class SpeechEncoder(nn.Module):
    def __init__(self, mels=20, d=32, heads=4, layers=2):
        super().__init__()
        self.subsample = Subsample(mels, d)
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, 12)

    def forward(self, feats, lengths):
        pad = padding_mask(lengths, feats.size(1))
        h = self.subsample(feats)
        h = self.encoder(h, src_key_padding_mask=pad)
        return self.head(h)


class Collate:
    def __call__(self, rows):
        feats, words = zip(*rows)
        lengths = torch.tensor([len(f) for f in feats])
        return pad_sequence(feats, batch_first=True), lengths, torch.tensor(words)


def corpus(n=8):
    g = torch.Generator().manual_seed(0)
    sizes = torch.randint(30, 90, (n,), generator=g).tolist()
    return [(torch.randn(s, 20, generator=g), i % 12) for i, s in enumerate(sizes)]


torch.manual_seed(0)
model = SpeechEncoder()
for feats, lengths, words in torch.utils.data.DataLoader(corpus(), batch_size=4, collate_fn=Collate()):
    loss = nn.functional.cross_entropy(model(feats, lengths).mean(1), words)
    loss.backward()
    print("loss", loss.item())
