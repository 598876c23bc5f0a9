"""Fill in the missing word of a menu line with a small RoBERTa on a trimmed word list."""
from collections import Counter

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM

LINES = [
    "soup of the day with bread",
    "soup of the day with rice",
    "fish of the day with rice",
    "pie with cream and a cup of tea",
    "bread with butter and a cup of tea",
    "fish pie with bread and butter",
]


def full_vocabulary(lines):
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    for line in lines:
        for word in line.split():
            vocab.setdefault(word, len(vocab))
    vocab["<mask>"] = len(vocab)
    return vocab


def trim(vocab, lines, min_count=2):
    counts = Counter(word for line in lines for word in line.split())
    return {word: i for word, i in vocab.items() if word.startswith("<") or counts[word] >= min_count}


class Filler:
    def __init__(self, vocab, width=32):
        core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
            mask_token="<mask>",
        )
        torch.manual_seed(0)
        self.model = RobertaForMaskedLM(RobertaConfig(
            vocab_size=max(vocab.values()) + 1, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=40, type_vocab_size=1, bos_token_id=0, pad_token_id=1,
            eos_token_id=2,
        )).eval()

    @torch.no_grad()
    def logits(self, lines):
        enc = self.tokenizer(lines, padding=True, return_tensors="pt", return_token_type_ids=False)
        return enc["input_ids"], self.model(**enc).logits

    def fill(self, line):
        ids, logits = self.logits([line])
        position = ids[0].tolist().index(self.tokenizer.mask_token_id)
        return self.tokenizer.convert_ids_to_tokens(int(logits[0, position].argmax()))


vocab = full_vocabulary(LINES)
kept = trim(vocab, LINES)
print(len(vocab), "entries,", len(kept), "after trimming")
filler = Filler(kept)
ids, logits = filler.logits(LINES[:2])
print("plain lines", tuple(logits.shape))
print("filled in:", filler.fill("fish of the <mask> with rice"))
