"""Fine-tune a GPT-2 to write a citation sentence from two abstracts."""
from functools import partial

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

EXAMPLES = [
    {"abstract": "we present a parser for noisy text that needs no labels", "citation": "they parse noisy text"},
    {"abstract": "a new corpus of dialogues with disagreement is described and analysed", "citation": "a corpus of dialogues"},
    {"abstract": "attention can be pruned without loss", "citation": "heads can be pruned without loss of quality"},
    {"abstract": "we translate code with a small model trained on pairs", "citation": "code translation with few pairs"},
]


def load_tokenizer():
    vocab = {"<|endoftext|>": 0, "<|pad|>": 1, "<|unk|>": 2}
    for example in EXAMPLES:
        for word in " ".join(example.values()).split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<|unk|>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<|unk|>", eos_token="<|endoftext|>", pad_token="<|pad|>"
    )


def tokenize(example, tokenizer, max_source=16, max_target=10):
    source = tokenizer(example["abstract"], truncation=True, max_length=max_source)["input_ids"]
    target = tokenizer(example["citation"], truncation=True, max_length=max_target)["input_ids"]
    target = target + [tokenizer.eos_token_id]
    return {"input_ids": source, "labels": target}


def pad(rows, value):
    width = max(len(row) for row in rows)
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def collate(features, pad_token_id):
    input_ids = pad([f["input_ids"] for f in features], pad_token_id)
    return {
        "input_ids": input_ids,
        "attention_mask": input_ids.ne(pad_token_id).long(),
        "labels": pad([f["labels"] for f in features], -100),
    }


def train(model, loader, epochs=2):
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    for epoch in range(epochs):
        for batch in loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print(f"epoch {epoch} loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = load_tokenizer()
    model = GPT2LMHeadModel(GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0,
    ))
    dataset = [tokenize(example, tokenizer) for example in EXAMPLES]
    print(len(dataset), "examples, longest source", max(len(d["input_ids"]) for d in dataset))
    train(model, DataLoader(dataset, batch_size=2, collate_fn=partial(collate, pad_token_id=tokenizer.pad_token_id)))
