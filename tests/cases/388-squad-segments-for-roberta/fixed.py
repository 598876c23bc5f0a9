"""Span extraction: build question/passage features by hand and run a reader over them."""
import argparse

import torch
from transformers import BertConfig, BertForQuestionAnswering, RobertaConfig, RobertaForQuestionAnswering

PAD, CLS, SEP = 1, 0, 2
SAMPLES = [
    ("who wrote the letter", "the letter was written by the old captain of the ship"),
    ("where was it found", "it was found under the floor of the house"),
    ("when", "in the spring of the second year"),
]
COMMON = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=64, pad_token_id=PAD,
)


class Vocabulary(dict):
    def __missing__(self, word):
        self[word] = len(self) + 3
        return self[word]

    def encode(self, text):
        return [self[word] for word in text.split()]


def make_features(samples, vocab, max_len):
    for question, passage in samples:
        q, p = vocab.encode(question), vocab.encode(passage)
        ids = [CLS] + q + [SEP] + p + [SEP]
        segments = [0] * (len(q) + 2) + [1] * (len(p) + 1)
        room = max_len - len(ids)
        yield {
            "input_ids": ids + [PAD] * room,
            "token_type_ids": segments + [0] * room,
            "attention_mask": [1] * len(ids) + [0] * room,
        }


def load_reader(kind, vocab_size):
    torch.manual_seed(0)
    if kind == "bert":
        return BertForQuestionAnswering(BertConfig(vocab_size=vocab_size, **COMMON)).eval()
    return RobertaForQuestionAnswering(RobertaConfig(vocab_size=vocab_size, type_vocab_size=1, **COMMON)).eval()


@torch.no_grad()
def predict(reader, features):
    keys = [k for k in features[0] if k != "token_type_ids" or reader.config.type_vocab_size > 1]
    batch = {key: torch.tensor([f[key] for f in features]) for key in keys}
    out = reader(**batch)
    start = out.start_logits.argmax(-1)
    return torch.stack([start, torch.maximum(start, out.end_logits.argmax(-1))], dim=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", nargs="+", default=["bert", "roberta"])
    parser.add_argument("--max_seq_length", type=int, default=24)
    args = parser.parse_args([])
    vocab = Vocabulary()
    features = list(make_features(SAMPLES, vocab, args.max_seq_length))
    for kind in args.readers:
        spans = predict(load_reader(kind, len(vocab) + 3), features)
        print(f"{kind:<8}", spans.tolist())


if __name__ == "__main__":
    main()
