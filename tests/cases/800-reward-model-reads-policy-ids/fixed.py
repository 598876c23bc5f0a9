"""Rollouts for PPO: a GPT-2 policy writes replies, a BERT style reward model judges them."""
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast,
)

QUERIES = ["how do i bake bread at home", "name a quiet town"]
RATED = ["bake bread at home", "a quiet town"]


@dataclass
class PPOSettings:
    reply_length: int = 6
    temperature: float = 1.0
    seed: int = 3


def word_tokenizer(texts, extra=0):
    vocab = {"<pad>": 0, "<unk>": 1, "<eos>": 2}
    for text in texts:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    for i in range(extra):
        vocab[f"piece{i}"] = len(vocab)
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>", padding_side="left"
    )


class Rollout:
    def __init__(self, settings):
        self.settings = settings
        torch.manual_seed(settings.seed)
        self.policy_tokenizer = word_tokenizer(QUERIES, extra=40)
        self.reward_tokenizer = word_tokenizer(RATED)
        self.policy = GPT2LMHeadModel(GPT2Config(
            vocab_size=len(self.policy_tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4,
            bos_token_id=2, eos_token_id=2, pad_token_id=0,
        )).eval()
        self.reward_model = BertForSequenceClassification(BertConfig(
            vocab_size=len(self.reward_tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=64, num_labels=1,
        )).eval()

    @torch.no_grad()
    def sample(self, queries):
        enc = self.policy_tokenizer(queries, padding=True, return_tensors="pt", return_token_type_ids=False)
        return self.policy.generate(
            **enc, max_new_tokens=self.settings.reply_length, do_sample=True, temperature=self.settings.temperature
        )

    @torch.no_grad()
    def rewards(self, sequences):
        texts = self.policy_tokenizer.batch_decode(sequences, skip_special_tokens=True)
        enc = self.reward_tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        return self.reward_model(**enc).logits.squeeze(-1)


def main():
    rollout = Rollout(PPOSettings())
    sequences = rollout.sample(QUERIES)
    print("sequences", tuple(sequences.shape))
    scores = rollout.rewards(sequences)
    print("rewards", [round(s, 4) for s in scores.tolist()])


if __name__ == "__main__":
    main()
