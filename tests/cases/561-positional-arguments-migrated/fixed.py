"""Paragraph selection for multi-hop questions, moved from pytorch_pretrained_bert to transformers."""
import argparse
from collections import namedtuple

import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertForSequenceClassification

Feature = namedtuple("Feature", "input_ids input_mask segment_ids label_id")
CLS, SEP = 1, 2


def parse_args(argv=()):
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_batch_size", type=int, default=4)
    parser.add_argument("--max_seq_length", type=int, default=12)
    parser.add_argument("--learning_rate", type=float, default=5e-4)
    parser.add_argument("--num_train_epochs", type=int, default=2)
    return parser.parse_args(list(argv))


def convert_example(question, paragraph, label, max_seq_length):
    first = [CLS, *question, SEP]
    second = paragraph[:max_seq_length - len(first) - 1] + [SEP]
    padding = [0] * (max_seq_length - len(first) - len(second))
    return Feature(
        input_ids=first + second + padding,
        input_mask=[1] * (len(first) + len(second)) + padding,
        segment_ids=[0] * len(first) + [1] * len(second) + padding,
        label_id=label,
    )


def read_examples(count, seed=0):
    gen = torch.Generator().manual_seed(seed)
    for i in range(count):
        question = torch.randint(3, 50, (3,), generator=gen).tolist()
        paragraph = torch.randint(3, 50, (4 + i % 5,), generator=gen).tolist()
        yield (question, paragraph + question[:1], 1) if i % 2 else (question, paragraph, 0)


def build_loader(args):
    features = [convert_example(*example, args.max_seq_length) for example in read_examples(16)]
    columns = [torch.tensor([getattr(f, name) for f in features]) for name in Feature._fields]
    return DataLoader(TensorDataset(*columns), batch_size=args.train_batch_size)


def train(model, loader, args):
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)
    for epoch in range(args.num_train_epochs):
        total = 0.0
        for batch in loader:
            input_ids, input_mask, segment_ids, label_ids = batch
            loss = model(input_ids, token_type_ids=segment_ids, attention_mask=input_mask, labels=label_ids)[0]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.4f}")


if __name__ == "__main__":
    args = parse_args()
    torch.manual_seed(42)
    model = BertForSequenceClassification(BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, num_labels=2,
    ))
    train(model, build_loader(args), args)
