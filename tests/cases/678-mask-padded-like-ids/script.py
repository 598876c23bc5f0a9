"""Assign diagnosis codes to discharge notes with a small RoBERTa encoder."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import RobertaConfig, RobertaModel

CODES = ["I10", "E11.9", "J18.9", "N39.0"]
BOS, PAD, EOS = 0, 1, 2


@dataclass
class Note:
    name: str
    tokens: list


class NoteCollator:
    def __init__(self, pad_token_id, multiple=4):
        self.pad_token_id = pad_token_id
        self.multiple = multiple

    def seq2batch(self, sequences, fill):
        width = max(map(len, sequences))
        width = -(-width // self.multiple) * self.multiple
        return torch.tensor([seq + [fill] * (width - len(seq)) for seq in sequences])

    def __call__(self, notes):
        fill = self.pad_token_id
        ids = [[BOS, *note.tokens, EOS] for note in notes]
        return {
            "names": [note.name for note in notes],
            "input_ids": self.seq2batch(ids, fill),
            "attention_mask": self.seq2batch([[1] * len(seq) for seq in ids], fill),
        }


class NoteCoder(nn.Module):
    def __init__(self, vocab_size=120):
        super().__init__()
        self.encoder = RobertaModel(RobertaConfig(
            vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=80, initializer_range=0.4, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
        ), add_pooling_layer=False)
        self.head = nn.Linear(32, len(CODES))

    def forward(self, input_ids, attention_mask):
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return torch.sigmoid(self.head(hidden[:, 0]))


def make_notes():
    gen = torch.Generator().manual_seed(3)
    lengths = {"admission": 31, "progress": 12, "transfer": 5, "discharge": 22}
    return [Note(name, torch.randint(4, 120, (n,), generator=gen).tolist()) for name, n in lengths.items()]


if __name__ == "__main__":
    torch.manual_seed(0)
    coder = NoteCoder().eval()
    for batch in DataLoader(make_notes(), batch_size=4, collate_fn=NoteCollator(PAD)):
        with torch.no_grad():
            probs = coder(batch["input_ids"], batch["attention_mask"])
        for name, row in zip(batch["names"], probs):
            print(f"{name:<10}", "  ".join(f"{code} {p:.3f}" for code, p in zip(CODES, row.tolist())))
