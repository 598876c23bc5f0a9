"""Continue training a published entity tagger on a smaller tag set."""
import os
import tempfile

import torch
from transformers import AutoModelForTokenClassification, DistilBertConfig, DistilBertForTokenClassification

CONLL = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]


def publish(folder):
    """Stands in for the hub: a tagger that was trained on CoNLL."""
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=120, dim=32, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=64,
        id2label=dict(enumerate(CONLL)), label2id={tag: i for i, tag in enumerate(CONLL)},
    )
    path = os.path.join(folder, "distilbert-finetuned-ner")
    DistilBertForTokenClassification(config).save_pretrained(path)
    return path


class TicketCorpus:
    tags = ["O", "B-PRODUCT", "I-PRODUCT", "B-VERSION", "I-VERSION"]

    def __init__(self, count=12):
        self.gen = torch.Generator().manual_seed(5)
        self.count = count

    def batches(self, size):
        for _ in range(self.count // size):
            ids = torch.randint(4, 120, (size, 10), generator=self.gen)
            labels = torch.randint(0, len(self.tags), ids.shape, generator=self.gen)
            labels[:, 0] = -100
            yield {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


class Finetuner:
    def __init__(self, checkpoint, tags, lr=1e-3):
        self.model = self.load(checkpoint, tags)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr)

    def load(self, checkpoint, tags):
        return AutoModelForTokenClassification.from_pretrained(
            checkpoint,
            id2label=dict(enumerate(tags)),
            label2id={tag: i for i, tag in enumerate(tags)},
            ignore_mismatched_sizes=True,
        )

    def train(self, corpus, size=4):
        for step, batch in enumerate(corpus.batches(size)):
            loss = self.model(**batch).loss
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as hub:
        corpus = TicketCorpus()
        tuner = Finetuner(publish(hub), corpus.tags)
        tuner.train(corpus)
        print("classes", tuner.model.config.num_labels)
