"""Answer tagging: every sub-word of the passage gets B, I or O."""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForTokenClassification

TAGS = {"O": 0, "B": 1, "I": 2}
CLS, SEP, PAD = 1, 2, 0


class AnswerDataset(Dataset):
    def __init__(self, n, longest, vocab):
        gen = torch.Generator().manual_seed(11)
        self.items = []
        for _ in range(n):
            size = int(torch.randint(8, longest, (1,), generator=gen))
            words = torch.randint(3, vocab, (size,), generator=gen).tolist()
            begin = int(torch.randint(0, size - 3, (1,), generator=gen))
            tags = ["O"] * size
            tags[begin:begin + 3] = ["B", "I", "I"]
            self.items.append((words, [TAGS[t] for t in tags]))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class AnswerLoader(DataLoader):
    def __init__(self, dataset, max_seq_len, **kwargs):
        super().__init__(dataset, collate_fn=self.collate, **kwargs)
        self.max_seq_len = max_seq_len

    def collate(self, batch):
        ids, tags = [], []
        for words, seq_label in batch:
            ids.append([CLS] + words[:self.max_seq_len - 2] + [SEP])
            tags.append([-100] + seq_label + [-100])
        return {
            "input_ids": self.pad(ids, PAD),
            "attention_mask": self.pad([[1] * len(row) for row in ids], 0),
            "labels": self.pad(tags, -100),
        }

    @staticmethod
    def pad(rows, value):
        width = max(len(row) for row in rows)
        return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def build_model(max_seq_len):
    torch.manual_seed(0)
    return BertForTokenClassification(BertConfig(
        vocab_size=200, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=max_seq_len, num_labels=len(TAGS),
    ))


def main():
    max_seq_len = 32
    model = build_model(max_seq_len)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = AnswerLoader(AnswerDataset(24, longest=40, vocab=200), max_seq_len, batch_size=4)
    for i, batch in enumerate(loader):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"batch {i} length {batch['input_ids'].size(1)} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
