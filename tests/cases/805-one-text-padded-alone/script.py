"""Sentiment classifier on film reviews, BERT with a linear layer."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

REVIEWS = [
    ("a warm and funny film", 1),
    ("two hours of my life i will not get back", 0),
    ("the cast is wonderful", 1),
    ("dull", 0),
]
MAX_LEN = 32


def make_tokenizer():
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    for text, _ in REVIEWS:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]")


class ReviewDataset(Dataset):
    def __init__(self, rows, tokenizer):
        self.rows, self.tokenizer = rows, tokenizer

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, item):
        review, target = self.rows[item]
        review = " ".join(review.split())
        inputs = self.tokenizer(
            review, add_special_tokens=True, max_length=MAX_LEN, padding=True, truncation=True
        )
        return {
            "ids": torch.tensor(inputs["input_ids"], dtype=torch.long),
            "mask": torch.tensor(inputs["attention_mask"], dtype=torch.long),
            "targets": torch.tensor(target, dtype=torch.float),
        }


class BERTBaseUncased(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.bert = BertModel(BertConfig(
            vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=64,
        ))
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(32, 1)

    def forward(self, ids, mask):
        pooled = self.bert(ids, attention_mask=mask).pooler_output
        return self.out(self.drop(pooled)).squeeze(1)


def train_fn(loader, model, optimizer):
    model.train()
    for batch_index, d in enumerate(loader):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(d["ids"], d["mask"]), d["targets"])
        loss.backward()
        optimizer.step()
        print("batch", batch_index, "loss %.3f" % loss.item())


def run():
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = BERTBaseUncased(len(tokenizer))
    loader = DataLoader(ReviewDataset(REVIEWS, tokenizer), batch_size=2)
    train_fn(loader, model, torch.optim.AdamW(model.parameters(), lr=3e-4))


run()
