"""Predict the tags of forum questions, several can hold at once."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel

TAGS = ["regression", "probability", "bayesian", "time-series", "testing", "clustering"]
RECORDS = [
    ("how to choose a prior for a slope", ["bayesian"]),
    ("is the residual normal", ["testing"]),
    ("forecast of weekly sales", ["time-series"]),
    ("which k for k means", ["clustering"]),
    ("posterior of a coin", ["bayesian"]),
    ("trend and season", ["time-series"]),
]


class WordTable:
    def __init__(self, texts):
        self.ids = {"[PAD]": 0, "[CLS]": 1}
        for text in texts:
            for word in text.split():
                self.ids.setdefault(word, len(self.ids))

    def encode(self, text, max_len):
        ids = [1] + [self.ids[w] for w in text.split()][:max_len - 1]
        mask = [1] * len(ids) + [0] * (max_len - len(ids))
        return torch.tensor(ids + [0] * (max_len - len(ids))), torch.tensor(mask)


class QuestionDataset(Dataset):
    def __init__(self, records, table, max_len=12):
        self.texts = [text for text, _ in records]
        self.labels = [[TAGS.index(tag) for tag in tags] for _, tags in records]
        self.table, self.max_len = table, max_len

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, i):
        ids, mask = self.table.encode(self.texts[i], self.max_len)
        return {"input_ids": ids, "attention_mask": mask, "label": torch.tensor(self.labels[i], dtype=torch.float)}


class QTagClassifier(nn.Module):
    def __init__(self, vocab_size, n_classes):
        super().__init__()
        self.bert = BertModel(BertConfig(
            vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=32,
        ))
        self.classifier = nn.Linear(32, n_classes)

    def forward(self, input_ids, attention_mask):
        return self.classifier(self.bert(input_ids, attention_mask=attention_mask).pooler_output)


def fit(model, loader, epochs):
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in loader:
            loss = criterion(model(batch["input_ids"], batch["attention_mask"]), batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    table = WordTable([text for text, _ in RECORDS])
    model = QTagClassifier(len(table.ids), n_classes=len(TAGS))
    fit(model, DataLoader(QuestionDataset(RECORDS, table), batch_size=3), epochs=3)
