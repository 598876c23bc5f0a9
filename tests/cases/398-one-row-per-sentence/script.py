"""Fine-tune a tiny BERT as a named entity tagger."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

ROWS = [
    ("anna lives in berlin", ["B-per", "O", "O", "B-geo"]),
    ("the train to rome is late", ["O", "O", "O", "B-geo", "O", "O"]),
    ("peter met anna", ["B-per", "O", "B-per"]),
    ("rome is far", ["B-geo", "O", "O"]),
]
LABELS = {"O": 0, "B-per": 1, "B-geo": 2}


def build_tokenizer():
    vocab = {"[PAD]": 0, "[UNK]": 1}
    for sentence, _ in ROWS:
        for word in sentence.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]")


class NerDataset(Dataset):
    def __init__(self, rows, tokenizer, max_len):
        self.rows, self.tokenizer, self.max_len = rows, tokenizer, max_len

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        sentence, words = self.rows[index]
        encoding = self.tokenizer(
            sentence, padding="max_length", truncation=True, max_length=self.max_len,
            return_tensors="pt", return_token_type_ids=False,
        )
        item = {key: value for key, value in encoding.items()}
        labels = [LABELS[w] for w in words] + [-100] * self.max_len
        item["labels"] = torch.tensor(labels[:self.max_len])
        return item


def train(model, loader, epochs):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in loader:
            input_ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["labels"]
            outputs = model(input_ids=input_ids, attention_mask=mask, labels=labels)
            outputs.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print(f"epoch {epoch} loss {outputs.loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=32, num_labels=len(LABELS),
    )
    data = NerDataset(ROWS, tokenizer, max_len=8)
    print("sentences", len(data), "vocabulary", len(tokenizer))
    train(BertForTokenClassification(config), DataLoader(data, batch_size=2), epochs=2)
