"""Pairwise evaluation of a sequence-classification reward model on chat data."""
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|> {{ m.content }} <|end|> {% endfor %}"
)


@dataclass
class Comparison:
    prompt: list
    chosen: str
    rejected: str

    def conversation(self, which):
        return [*self.prompt, {"role": "assistant", "content": getattr(self, which)}]


def ask(text):
    return [{"role": "user", "content": text}]


BENCH = [
    Comparison(ask("name a prime above ten"), "eleven", "twelve"),
    Comparison(ask("name a mammal that flies"), "bat", "owl"),
    Comparison(ask("what is two plus two"), "four", "five"),
    Comparison(ask("and times three"), "twelve", "nine"),
]


def build_tokenizer(bench):
    vocab = {"<unk>": 0, "<pad>": 1, "<|user|>": 2, "<|assistant|>": 3, "<|end|>": 4}
    for item in bench:
        for which in ("chosen", "rejected"):
            for message in item.conversation(which):
                for word in message["content"].split():
                    vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", pad_token="<pad>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


class RewardModel:
    def __init__(self, tokenizer, **template_options):
        self.tokenizer = tokenizer
        self.template_options = {"tokenize": True, "return_dict": True, "return_tensors": "pt", "padding": True, **template_options}
        torch.manual_seed(3)
        self.model = LlamaForSequenceClassification(LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64, num_labels=1,
            pad_token_id=tokenizer.pad_token_id, initializer_range=0.3,
        )).eval()

    def _encode(self, conversations):
        batch = self.tokenizer.apply_chat_template(conversations, **self.template_options)
        return {name: batch[name] for name in ("input_ids", "attention_mask")}

    @torch.no_grad()
    def score(self, conversations):
        return self.model(**self._encode(conversations)).logits[:, 0]

    def compare(self, items):
        chosen = self.score([item.conversation("chosen") for item in items])
        rejected = self.score([item.conversation("rejected") for item in items])
        return (chosen > rejected).tolist()


def evaluate(reward_model, bench, batch_size):
    wins = []
    for start in range(0, len(bench), batch_size):
        wins += reward_model.compare(bench[start:start + batch_size])
        print(f"{len(wins)}/{len(bench)} compared, {sum(wins)} right")
    return sum(wins) / len(wins)


if __name__ == "__main__":
    reward_model = RewardModel(build_tokenizer(BENCH), add_generation_prompt=False)
    print("accuracy", evaluate(reward_model, BENCH, batch_size=2))
