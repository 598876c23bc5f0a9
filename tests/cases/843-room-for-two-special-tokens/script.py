"""Fine-tune a small BERT on pairs of captions and questions."""
import random
from dataclasses import dataclass

import torch
from transformers import BertConfig, BertForSequenceClassification

CLS, SEP, PAD = 1, 2, 0


@dataclass
class InputFeatures:
    input_ids: list
    segment_ids: list
    label: int


def truncate_seq_pair(tokens_a, tokens_b, max_length):
    while len(tokens_a) + len(tokens_b) > max_length:
        longer = tokens_a if len(tokens_a) > len(tokens_b) else tokens_b
        longer.pop()


class PairProcessor:
    def __init__(self, max_seq_length):
        self.max_seq_length = max_seq_length

    def convert(self, tokens_a, tokens_b, label):
        tokens_a, tokens_b = list(tokens_a), list(tokens_b or [])
        truncate_seq_pair(tokens_a, tokens_b, self.max_seq_length - 2)
        ids = [CLS] + tokens_a + [SEP]
        segments = [0] * len(ids)
        if tokens_b:
            ids += tokens_b + [SEP]
            segments += [1] * (len(tokens_b) + 1)
        return InputFeatures(ids, segments, label)


def collate(features):
    width = max(len(f.input_ids) for f in features)
    pad = lambda row: row + [PAD] * (width - len(row))
    ids = torch.tensor([pad(f.input_ids) for f in features])
    return {
        "input_ids": ids,
        "token_type_ids": torch.tensor([pad(f.segment_ids) for f in features]),
        "attention_mask": (ids != PAD).long(),
        "labels": torch.tensor([f.label for f in features]),
    }


def make_pairs(count, rng):
    for i in range(count):
        caption = [rng.randrange(3, 200) for _ in range(rng.randint(10, 16 + i))]
        question = [rng.randrange(3, 200) for _ in range(rng.randint(4, 12))] if i % 3 else None
        yield caption, question, i % 2


def main():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=200, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=40,
    )
    model = BertForSequenceClassification(config)
    processor = PairProcessor(max_seq_length=config.max_position_embeddings)
    features = [processor.convert(*pair) for pair in make_pairs(24, random.Random(5))]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for start in range(0, len(features), 4):
        loss = model(**collate(features[start:start + 4])).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"batch {start // 4} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
