from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence


def exists(value):
    return value is not None


def batch_unique_consecutive(ids, pad_value=0.):
    """Collapse runs of the same semantic token, row by row."""
    return pad_sequence([torch.unique_consecutive(row) for row in ids], batch_first=True, padding_value=pad_value)


def append_eos(ids, eos_id):
    return torch.cat([ids, ids.new_full((len(ids), 1), eos_id)], dim=1)


class QuantisedSpeech:
    """Stands in for HuBERT + k-means: a token for every 20 ms."""

    def __init__(self, codebook_size):
        self.codebook_size = codebook_size

    def __call__(self, waves):
        energy = waves.unfold(1, 40, 40).abs().mean(-1)
        return (energy * self.codebook_size).long().clamp(max=self.codebook_size - 1)


class SemanticTransformer(nn.Module):
    def __init__(self, *, num_semantic_tokens, dim, heads=4, depth=2, pad_id=-1, unique_consecutive=True, wav2vec=None):
        super().__init__()
        self.num_semantic_tokens = num_semantic_tokens
        self.eos_id = num_semantic_tokens
        self.pad_id = pad_id
        self.wav2vec = wav2vec
        self.squash = partial(batch_unique_consecutive, pad_value=pad_id) if unique_consecutive else lambda ids: ids
        self.start_token = nn.Parameter(torch.randn(dim))
        self.semantic_embedding = nn.Embedding(num_semantic_tokens + 1, dim)
        block = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True)
        self.transformer = nn.TransformerEncoder(block, depth)
        self.to_logits = nn.Linear(dim, num_semantic_tokens + 1)

    def forward(self, *, raw_wave=None, ids=None, return_loss=False):
        if not exists(ids):
            ids = self.squash(self.wav2vec(raw_wave))
        if return_loss:
            labels, ids = append_eos(ids, self.eos_id), ids.clone()
        tokens = self.semantic_embedding(ids)
        tokens = torch.cat([self.start_token.expand(len(ids), 1, -1), tokens], dim=1)
        causal = nn.Transformer.generate_square_subsequent_mask(tokens.size(1))
        logits = self.to_logits(self.transformer(tokens, mask=causal, is_causal=True))
        if not return_loss:
            return logits
        return F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=self.pad_id)


if __name__ == "__main__":
    torch.manual_seed(1)
    model = SemanticTransformer(num_semantic_tokens=6, dim=32, wav2vec=QuantisedSpeech(6))
    optim = torch.optim.Adam(model.parameters(), lr=3e-4)
    for step, batch_size in enumerate([1, 6]):
        loudness = torch.rand(batch_size, 8).repeat_interleave(120, dim=1)
        loss = model(raw_wave=loudness * torch.randn(batch_size, 960).sign(), return_loss=True)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"{step}: loss: {loss.item():.4f}")
