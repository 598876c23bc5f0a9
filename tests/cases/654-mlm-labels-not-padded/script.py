"""Masked-language-model pretraining on short log lines."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
)

LINES = [
    "disk full on node seven",
    "node seven restarted",
    "network link down between node two and node seven",
    "link up",
    "disk replaced on node two by the night shift",
    "restarted",
]


def build_tokenizer(lines):
    vocab = {tok: i for i, tok in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])}
    for word in " ".join(lines).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    )


def encode(tokenizer, line):
    enc = tokenizer("[CLS] " + line + " [SEP]", return_token_type_ids=False)
    return {
        "input_ids": enc["input_ids"],
        "attention_mask": enc["attention_mask"],
        "labels": list(enc["input_ids"]),
    }


class Pretrainer:
    def __init__(self, tokenizer, lr=5e-3):
        torch.manual_seed(0)
        self.model = BertForMaskedLM(BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=32, pad_token_id=tokenizer.pad_token_id,
        ))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr)

    def epoch(self, loader):
        total = 0.0
        for batch in loader:
            loss = self.model(**batch).loss
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            total += loss.item()
        return total / len(loader)


tokenizer = build_tokenizer(LINES)
dataset = [encode(tokenizer, line) for line in LINES]
print(len(dataset), "lines,", len(tokenizer), "entries in the vocabulary")
collator = DataCollatorForLanguageModeling(tokenizer, mlm=True, mlm_probability=0.4, seed=3)
loader = DataLoader(dataset, batch_size=3, collate_fn=collator)
trainer = Pretrainer(tokenizer)
for number in range(3):
    print(f"epoch {number} loss {trainer.epoch(loader):.3f}")
