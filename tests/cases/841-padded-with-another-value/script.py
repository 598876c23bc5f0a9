"""Vectors for a batch of tokenized documents, and the nearest document of each."""
from itertools import chain

import torch
from transformers import BertConfig, BertModel

DOCS = {
    "greeting": [11, 42, 17],
    "weather": [23, 8, 35, 50, 9, 14],
    "recipe": [61, 27, 33, 19, 44, 70, 12, 58, 29, 41, 66, 30],
    "weather2": [23, 8, 36, 50, 9],
    "greeting2": [11, 42, 18],
}


class RaggedArray:
    """Rows of different lengths in one flat buffer."""

    def __init__(self, data, lengths):
        self.data = data
        self.lengths = lengths

    @classmethod
    def from_rows(cls, rows):
        return cls(torch.tensor(list(chain(*rows))), [len(row) for row in rows])

    def to_padded(self, value=0):
        padded = torch.zeros(len(self.lengths), max(self.lengths), dtype=self.data.dtype)
        for row, piece in zip(padded, self.data.split(self.lengths)):
            row[:len(piece)] = piece
        return padded


class TransformerWrapper:
    def __init__(self, model):
        self.model = model

    def get_model_kwargs(self, ragged):
        token_ids = ragged.to_padded(value=-1)
        is_token = token_ids >= 0
        return {"input_ids": token_ids.clamp(min=0), "attention_mask": is_token.long()}

    @torch.no_grad()
    def encode(self, rows):
        ragged = RaggedArray.from_rows(rows)
        hidden = self.model(**self.get_model_kwargs(ragged)).last_hidden_state
        return torch.stack([h[:n].mean(0) for h, n in zip(hidden, ragged.lengths)])


def build_model():
    torch.manual_seed(4)
    return BertModel(BertConfig(
        vocab_size=80, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=32, initializer_range=0.4, pad_token_id=0,
    )).eval()


def main():
    nlp = TransformerWrapper(build_model())
    names = list(DOCS)
    vectors = torch.nn.functional.normalize(nlp.encode(list(DOCS.values())), dim=-1)
    similarity = vectors @ vectors.T
    similarity.fill_diagonal_(-1.0)
    for name, row in zip(names, similarity):
        print(f"{name:<10} nearest {names[row.argmax()]:<10} {row.max():.3f}")


if __name__ == "__main__":
    main()
