import csv
import io

import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
TRAIN_CSV = """id,comment_text,toxic,severe_toxic,obscene,threat,insult,identity_hate
0001,thanks for the quick and careful edit,0,0,0,0,0,0
0002,you are a fool and so is your friend,1,0,0,0,1,0
0003,please see the talk page,0,0,0,0,0,0
0004,stop or i will find you,1,0,0,1,0,0
0005,what a foul mouthed fool,1,0,1,0,1,0
0006,the reference is missing a page number,0,0,0,0,0,0
"""


class TaskData:
    def __init__(self):
        self.vocab = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2}

    def train_val_split(self, text):
        reader = csv.reader(io.StringIO(text))
        next(reader)
        sentences, targets = [], []
        for row in reader:
            sentences.append(row[1])
            targets.append([float(value) for value in row[3:]])
        return sentences[:-2], targets[:-2], sentences[-2:], targets[-2:]

    def encode(self, sentence, max_length=12):
        ids = [self.vocab.setdefault(word, len(self.vocab)) for word in sentence.split()]
        ids = [1] + ids[:max_length - 2] + [2]
        return ids + [0] * (max_length - len(ids))

    def loader(self, sentences, targets, batch_size):
        rows = [(torch.tensor(self.encode(s)), torch.tensor(t)) for s, t in zip(sentences, targets)]
        return DataLoader(rows, batch_size=batch_size)


class BertForMultiLabel(nn.Module):
    def __init__(self, vocab_size, num_labels):
        super().__init__()
        self.bert = BertModel(BertConfig(
            vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=32,
        ))
        self.classifier = nn.Linear(32, num_labels)

    def forward(self, ids):
        return self.classifier(self.bert(ids, attention_mask=(ids != 0).long()).pooler_output)


class Trainer:
    def __init__(self, model, criterion):
        self.model, self.criterion = model, criterion
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def train_epoch(self, loader):
        losses = []
        for ids, target in loader:
            logits = self.model(ids)
            loss = self.criterion(logits, target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)


if __name__ == "__main__":
    torch.manual_seed(0)
    data = TaskData()
    sentences, targets, _, _ = data.train_val_split(TRAIN_CSV)
    loader = data.loader(sentences, targets, batch_size=2)
    trainer = Trainer(BertForMultiLabel(len(data.vocab), len(LABELS)), nn.BCEWithLogitsLoss())
    for epoch in range(2):
        print("epoch", epoch, "loss %.4f" % trainer.train_epoch(loader))
