"""Headline classification with a small BERT; classes come from a tab-separated file."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

CLASS_TXT = "finance\nrealty\nstocks\neducation\nscience"
TRAIN_TXT = """\
bank raises its rate for savers\t1
flat prices fall in the old town\t2
shares of the chip maker jump\t3
new school opens in spring\t4
telescope finds a cold planet\t5
savings bank merges with its rival\t1
rents in the city rise again\t2
lab grows a tiny heart\t5
"""


def load_dataset(text):
    contents = []
    for line in text.strip().split("\n"):
        content, label = line.split("\t")
        contents.append((content, int(label) - 1))
    return contents


class Config:
    def __init__(self):
        self.class_list = CLASS_TXT.split("\n")
        self.num_classes = len(self.class_list)
        self.pad_size, self.batch_size, self.num_epochs, self.learning_rate = 8, 4, 2, 1e-3
        vocab = {"[PAD]": 0, "[UNK]": 1}
        for word in TRAIN_TXT.split():
            vocab.setdefault(word, len(vocab))
        core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]")


class Headlines(Dataset):
    def __init__(self, contents, config):
        texts, self.labels = zip(*contents)
        self.enc = config.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=config.pad_size, return_tensors="pt"
        )

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        item = {k: self.enc[k][i] for k in ("input_ids", "attention_mask")}
        item["labels"] = torch.tensor(self.labels[i])
        return item


def train(config, model, loader):
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    for epoch in range(config.num_epochs):
        for batch in loader:
            output = model(**batch)
            optimizer.zero_grad()
            output.loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {output.loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    config = Config()
    model = BertForSequenceClassification(BertConfig(
        vocab_size=len(config.tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=32, num_labels=config.num_classes,
    ))
    train(config, model, DataLoader(Headlines(load_dataset(TRAIN_TXT), config), batch_size=config.batch_size))
