"""Train a Bradley-Terry reward model on preference pairs."""
from functools import partial

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedTokenizerFast

STORY = "once upon a time a miller lived by the river with his three sons and an old grey cat who could talk"
PAIRS = [
    {"prompt": "is water wet", "chosen": "yes it is", "rejected": "no idea at all"},
    {"prompt": f"{STORY} . what animal was it", "chosen": "it was a cat", "rejected": "it was a dog"},
    {"prompt": "name a colour", "chosen": "red", "rejected": "seven"},
    {"prompt": f"{STORY} . how many sons had he", "chosen": "three", "rejected": "eleven of them"},
]


def build_tokenizer():
    vocab = {"<|endoftext|>": 0, "<|pad|>": 1, "<|unk|>": 2}
    for pair in PAIRS:
        for word in " ".join(pair.values()).split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<|unk|>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<|unk|>", eos_token="<|endoftext|>", pad_token="<|pad|>"
    )


def collate(rows, tokenizer, max_length):
    texts = [f"{row['prompt']} {row[side]}" for side in ("chosen", "rejected") for row in rows]
    return tokenizer(
        texts, padding=True, truncation=True, max_length=max_length, return_tensors="pt", return_token_type_ids=False
    )


def build_model(tokenizer):
    return GPT2ForSequenceClassification(GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4, num_labels=1,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=0, eos_token_id=0,
    ))


def preference_loss(model, batch):
    chosen, rejected = model(**batch).logits.squeeze(-1).chunk(2)
    margin = chosen - rejected
    return -torch.nn.functional.logsigmoid(margin).mean(), margin


def main():
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    loader = DataLoader(PAIRS, batch_size=2, collate_fn=partial(collate, tokenizer=tokenizer, max_length=40))
    for epoch in range(8):
        margins = []
        for batch in loader:
            loss, margin = preference_loss(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            margins += margin.tolist()
        print(f"epoch {epoch} loss {loss.item():.3f} accuracy {sum(m > 0 for m in margins) / len(margins):.2f}")


if __name__ == "__main__":
    main()
