"""Instruction tuning on completions only, with an evaluation loss after the epoch."""
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import DataCollatorForSeq2Seq, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TRAIN = [
    ("name the capital of france", "paris"),
    ("translate the word water to german", "wasser"),
    ("how many legs has a spider", "a spider has eight legs"),
]
VALID = [
    ("name the capital of italy", "rome"),
    ("read the text and answer : the ship left the port at noon with a cargo of salt and after six days at sea "
     "it met a storm : what was the cargo", "salt"),
    ("how many legs has a cat", "four legs"),
]


@dataclass
class Config:
    max_seq_length: int = 64
    response_template: str = "[/INST]"
    batch_size: int = 1
    lr: float = 3e-3


def build_tokenizer():
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "[INST]": 4, "[/INST]": 5}
    for pair in TRAIN + VALID:
        for word in " ".join(pair).split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def encode(tokenizer, config, pair):
    text = f"<s> [INST] {pair[0]} {config.response_template} {pair[1]} </s>"
    ids = tokenizer(text, truncation=True, max_length=config.max_seq_length)["input_ids"]
    marker = tokenizer.convert_tokens_to_ids(config.response_template)
    start = ids.index(marker) + 1 if marker in ids else len(ids)
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [-100] * start + ids[start:]}


def run_epoch(model, loader, opt=None):
    losses = []
    for batch in loader:
        loss = model(**batch).loss
        if opt is not None:
            opt.zero_grad(); loss.backward(); opt.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    torch.manual_seed(0)
    config, tokenizer = Config(), build_tokenizer()
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    ))
    collator = DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100)
    train, valid = (
        DataLoader([encode(tokenizer, config, p) for p in part], config.batch_size, collate_fn=collator)
        for part in (TRAIN, VALID)
    )
    print("train loss %.3f" % run_epoch(model, train, torch.optim.AdamW(model.parameters(), lr=config.lr)))
    with torch.no_grad():
        print("eval loss %.3f" % run_epoch(model, valid))
