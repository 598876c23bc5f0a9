import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

LABELS = ["bug_fix", "feature_addition", "performance_improvement"]
ROWS = [
    ("fix crash when list is empty", 1, 0, 0),
    ("add dark mode to settings", 0, 1, 0),
    ("cache the parsed tree, avoids a crash", 1, 0, 1),
    ("add batch endpoint and speed up writes", 0, 1, 1),
    ("faster start up", 0, 0, 1),
    ("fix typo", 1, 0, 0),
    ("add export, fix import", 1, 1, 0),
    ("drop a lock in the hot loop", 0, 0, 1),
    ("new search page", 0, 1, 0),
    ("fix a leak", 1, 0, 1),
]


class Vocabulary:
    def __init__(self, texts):
        words = sorted({w for t in texts for w in t.replace(",", "").split()})
        self.index = {w: i + 3 for i, w in enumerate(words)}

    def encode(self, text, max_len):
        ids = [1] + [self.index[w] for w in text.replace(",", "").split()] + [2]
        ids = ids[:max_len]
        return ids + [0] * (max_len - len(ids)), [1] * len(ids) + [0] * (max_len - len(ids))


class CommitDataset(Dataset):
    def __init__(self, rows, vocab, max_len=10):
        self.items = []
        for text, *flags in rows:
            ids, mask = vocab.encode(text, max_len)
            self.items.append((torch.tensor(ids), torch.tensor(mask), torch.tensor(flags)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        ids, mask, flags = self.items[i]
        return {"input_ids": ids, "attention_mask": mask, "labels": flags}


class Learner:
    def __init__(self, loader, vocab_size):
        config = BertConfig(vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                            intermediate_size=64, num_labels=len(LABELS))
        self.model = BertForSequenceClassification(config)
        self.loader = loader
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def fit(self, epochs):
        for epoch in range(epochs):
            total = 0.0
            for batch in self.loader:
                loss = self.model(**batch).loss
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            print(f"epoch {epoch} loss {total / len(self.loader):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    vocab = Vocabulary([r[0] for r in ROWS])
    loader = DataLoader(CommitDataset(ROWS, vocab), batch_size=5, shuffle=True)
    Learner(loader, vocab_size=len(vocab.index) + 3).fit(epochs=2)
