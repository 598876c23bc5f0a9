"""Named-entity tagging on short social-media posts."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader, Dataset
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

TAGS = ["O", "B-person", "B-location"]
POSTS = [
    ("@maria is back in lisbon", "O O O O B-location"),
    ("empire state building looks great tonight with oskar and nina right here", "O O O O O O O B-person O B-person O O"),
    ("oskar again", "B-person O"),
    ("rain in oslo rain in bergen rain everywhere", "O O B-location O O B-location O O"),
]


def build_tokenizer():
    vocab = {"[PAD]": 0, "[UNK]": 1}
    for text, _ in POSTS:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]")


class Posts(Dataset):
    def __init__(self, rows, tokenizer, max_length=11):
        words = [text.split() for text, _ in rows]
        self.encodings = tokenizer(
            words, is_split_into_words=True, padding="max_length", truncation=True, max_length=max_length,
            return_tensors="pt", return_token_type_ids=False,
        )
        self.labels = torch.full((len(rows), max_length), -100)
        for row, (_, tags) in enumerate(rows):
            ids = [TAGS.index(tag) for tag in tags.split()][:max_length]
            self.labels[row, :len(ids)] = torch.tensor(ids)

    def __getitem__(self, index):
        item = {key: value[index] for key, value in self.encodings.items()}
        item["labels"] = self.labels[index]
        return item

    def __len__(self):
        return len(self.labels)


def model_init(vocab_size):
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=vocab_size, dim=32, hidden_dim=64, n_layers=2, n_heads=4, num_labels=len(TAGS))
    return DistilBertForSequenceClassification(config)


def train(epochs=2):
    tokenizer = build_tokenizer()
    model = model_init(len(tokenizer))
    loader = DataLoader(Posts(POSTS, tokenizer), batch_size=4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    for epoch in range(epochs):
        for batch in loader:
            outputs = model(**batch)
            outputs.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print(f"epoch {epoch} loss {outputs.loss.item():.4f}")


if __name__ == "__main__":
    train()
