"""Evaluate a typo corrector: encode the sentences, run them through BERT, compare the characters."""
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForMaskedLM

SENTENCES = [
    ("teh cat sat", "the cat sat"),
    ("a smal dog.", "a small dog"),
    ("goood luck", "good luck"),
    ("see yuo soon", "see you soon"),
]


class CharTokenizer:
    pad, cls, sep, unk = 0, 1, 2, 3

    def __init__(self):
        self.table = {c: i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz .", start=4)}

    @property
    def vocab_size(self):
        return 4 + len(self.table)

    def encode(self, text, max_length):
        ids = [self.cls] + [self.table.get(c, self.unk) for c in text][:max_length - 2] + [self.sep]
        blank = max_length - len(ids)
        return {"input_ids": ids + [self.pad] * blank, "attention_mask": [1] * len(ids) + [0] * blank}

    def encode_tagged(self, wrong, right, max_length):
        encoding = self.encode(wrong, max_length)
        encoding["labels"] = self.encode(right, max_length)["input_ids"]
        return {k: torch.tensor(v) for k, v in encoding.items()}

    def encode_untagged(self, text, max_length):
        encoding = self.encode(text, max_length)
        return {k: torch.tensor([v]) for k, v in encoding.items()}


def fit(model, tokenizer, epochs=2):
    data = [tokenizer.encode_tagged(a, b, 16) for a, b in SENTENCES]
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in DataLoader(data, batch_size=2):
            loss = model(**batch).loss
            opt.zero_grad()
            loss.backward()
            opt.step()
        print("epoch", epoch, "loss %.3f" % loss.item())


@torch.no_grad()
def evaluate(model, tokenizer):
    model.eval()
    data = [tokenizer.encode_untagged(a, 16) for a, _ in SENTENCES]
    hits = total = 0
    for i, batch in enumerate(DataLoader(data, batch_size=2)):
        predicted = model(**batch).logits.argmax(-1)
        for row, (_, right) in zip(predicted, SENTENCES[2 * i:]):
            target = torch.tensor(tokenizer.encode(right, 16)["input_ids"])
            hits += (row == target).sum().item()
            total += target.numel()
    return hits / total


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = CharTokenizer()
    model = BertForMaskedLM(BertConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=32,
    ))
    fit(model, tokenizer)
    print("accuracy %.3f" % evaluate(model, tokenizer))
