"""Fine-tune a small BERT on comments with moods from very negative (0) to very positive (4)."""
import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertForSequenceClassification

COMMENTS = """0 awful film never again
1 rather dull and slow
3 good fun with friends
2 it was a film
3 nice songs
0 hated every scene
2 average at best
4 wonderful best of the year
4 loved it so much
2 neither good nor bad"""


class Args:
    max_length = 8
    batch_size = 4
    epochs = 2
    lr = 5e-4
    hidden_size = 32


class Reader:
    def __init__(self, text):
        self.rows = [line.split(" ", 1) for line in text.splitlines()]
        words = sorted({w for _, comment in self.rows for w in comment.split()})
        self.word_to_id = {"[PAD]": 0, "[CLS]": 1, **{w: i + 2 for i, w in enumerate(words)}}

    def encode(self, comment, max_length):
        ids = [1] + [self.word_to_id[w] for w in comment.split()]
        return (ids + [0] * max_length)[:max_length]

    def dataset(self, max_length):
        ids = torch.tensor([self.encode(comment, max_length) for _, comment in self.rows])
        labels = torch.tensor([int(label) for label, _ in self.rows])
        return TensorDataset(ids, (ids != 0).long(), labels)


class Module:
    def __init__(self, args, vocab_size):
        self.args = args
        config = BertConfig(
            vocab_size=vocab_size, hidden_size=args.hidden_size, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=32, hidden_dropout_prob=0.0,
            num_labels=5,
        )
        self.bert = BertForSequenceClassification(config)
        self.optimizer = torch.optim.AdamW(self.bert.parameters(), lr=args.lr)

    def training_step(self, batch):
        input_ids, attention_mask, labels = batch
        output = self.bert(input_ids=input_ids, attention_mask=attention_mask, labels=labels)
        self.optimizer.zero_grad()
        output.loss.backward()
        self.optimizer.step()
        hits = (output.logits.argmax(-1) == labels).sum().item()
        return output.loss.item(), hits


def fit(args):
    torch.manual_seed(0)
    reader = Reader(COMMENTS)
    data = reader.dataset(args.max_length)
    module = Module(args, len(reader.word_to_id))
    print("comments:", len(data))
    for epoch in range(args.epochs):
        results = [module.training_step(batch) for batch in DataLoader(data, batch_size=args.batch_size)]
        losses, hits = zip(*results)
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.3f} acc {sum(hits) / len(data):.2f}")


if __name__ == "__main__":
    fit(Args())
