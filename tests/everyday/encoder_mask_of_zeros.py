"""A tagger of padded sentences; the mask it is given was laid out and never filled in."""

import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vocab: int = 50, width: int = 32, tags: int = 5) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, width, padding_idx=0)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 4, 64, batch_first=True), 2)
        self.head = nn.Linear(width, tags)

    def forward(self, ids: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embed(ids), src_key_padding_mask=hidden))


torch.manual_seed(0)
sentences = [torch.randint(1, 50, (length,)) for length in (7, 4, 5)]
batch = nn.utils.rnn.pad_sequence(sentences, batch_first=True)
hidden = torch.zeros_like(batch, dtype=torch.bool)
model = Tagger().eval()
with torch.no_grad():
    print(model(batch, hidden).argmax(-1))
