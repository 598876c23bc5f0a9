"""Score reviews with a BERT; the reviews are numbered and padded by hand."""

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import BertConfig, BertForSequenceClassification

REVIEWS = ["a fine film", "a long and slow film with a fine end", "slow"]
WORDS = sorted({word for review in REVIEWS for word in review.split()})


def numbered(review):
    return torch.tensor([WORDS.index(word) + 1 for word in review.split()])


def main():
    torch.manual_seed(6)
    model = BertForSequenceClassification(
        BertConfig(vocab_size=30, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    ).eval()
    ids = pad_sequence([numbered(review) for review in REVIEWS], batch_first=True)
    seen = torch.ones(ids.shape)
    with torch.no_grad():
        print(model(ids, attention_mask=seen).logits.argmax(-1).tolist())


if __name__ == "__main__":
    main()
