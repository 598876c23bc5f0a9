import io

import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, UNK = 0, 1
TOPICS = "finance realty stocks education science society politics sports games arts travel food health".split()
TRAIN = "\n".join(
    f"{topic} report number {k} about {topic} and people\t{number}"
    for k in range(2) for number, topic in enumerate(TOPICS, start=1)
)


class Config:
    def __init__(self):
        self.class_list = TOPICS
        self.num_classes = len(self.class_list)
        self.pad_size = 8
        self.batch_size = 13
        self.embed = 24
        self.filter_sizes = (2, 3)
        self.num_filters = 16
        self.num_epochs = 2


def build_vocab(handle):
    vocab = {"<pad>": PAD, "<unk>": UNK}
    for line in handle:
        for word in line.split("\t")[0].split():
            vocab.setdefault(word, len(vocab))
    return vocab


def build_dataset(handle, vocab, config):
    contents = []
    for line in handle:
        line = line.strip()
        if not line:
            continue
        content, label = line.split("\t")
        ids = [vocab.get(w, UNK) for w in content.split()][:config.pad_size]
        contents.append((ids + [PAD] * (config.pad_size - len(ids)), int(label)))
    return contents


def batches(data, size):
    for start in range(0, len(data), size):
        rows, labels = zip(*data[start:start + size])
        yield torch.tensor(rows), torch.tensor(labels)


class TextCNN(nn.Module):
    def __init__(self, config, n_words):
        super().__init__()
        self.embedding = nn.Embedding(n_words, config.embed, padding_idx=PAD)
        self.convs = nn.ModuleList(nn.Conv1d(config.embed, config.num_filters, k) for k in config.filter_sizes)
        self.fc = nn.Linear(config.num_filters * len(config.filter_sizes), config.num_classes)

    def forward(self, x):
        x = self.embedding(x).transpose(1, 2)
        return self.fc(torch.cat([F.relu(conv(x)).amax(2) for conv in self.convs], dim=1))


if __name__ == "__main__":
    torch.manual_seed(1)
    config = Config()
    vocab = build_vocab(io.StringIO(TRAIN))
    data = build_dataset(io.StringIO(TRAIN), vocab, config)
    model = TextCNN(config, len(vocab))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(config.num_epochs):
        for x, y in batches(data, config.batch_size):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1} loss {loss.item():.3f}")
