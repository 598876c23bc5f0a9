"""Perplexity of reference texts, computed by a callback after every evaluation."""
import math

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

REFERENCES = [
    "the ferry leaves the harbour at seven and reaches the island before noon",
    "the harbour is closed",
    "before noon the island is quiet and the ferry is late",
    "at seven",
]


def build_tokenizer(corpus):
    vocab = {"[PAD]": 0, "[BOS]": 1, "[EOS]": 2}
    for line in corpus:
        for word in line.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[EOS]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", bos_token="[BOS]", eos_token="[EOS]",
                                   padding_side="left")


class Perplexity:
    """exp of the mean negative log likelihood of the words and of the end of each reference."""

    def __init__(self, tokenizer, max_seq_len=16):
        self.tokenizer = tokenizer
        self.max_seq_len = max_seq_len

    @torch.no_grad()
    def compute(self, model, references):
        encoded = self.tokenizer([f"[BOS] {r} [EOS]" for r in references], return_tensors="pt", padding=True,
                                 truncation=True, max_length=self.max_seq_len, return_token_type_ids=False)
        input_ids = encoded["input_ids"]
        labels = input_ids.masked_fill(input_ids == self.tokenizer.bos_token_id, -100)
        labels[encoded["attention_mask"] == 0] = -100
        count = (labels[:, 1:] != -100).sum().item()
        loss = model(input_ids=input_ids, attention_mask=encoded["attention_mask"], labels=labels).loss.item()
        return {"score": math.exp(loss), "tokens": count}


class EvalCallback:
    def __init__(self, metric, references):
        self.metric, self.references = metric, references

    def on_evaluate(self, model, step):
        for size in (1, len(self.references)):
            scores = [self.metric.compute(model.eval(), self.references[i:i + size])
                      for i in range(0, len(self.references), size)]
            tokens = sum(s["tokens"] for s in scores)
            mean = math.exp(sum(math.log(s["score"]) * s["tokens"] for s in scores) / tokens)
            print(f"step {step} batch {size}: perplexity {mean:.3f} over {tokens} tokens")


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = build_tokenizer(REFERENCES)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64, initializer_range=0.2, pad_token_id=0,
    ))
    EvalCallback(Perplexity(tokenizer), REFERENCES).on_evaluate(model, step=100)
