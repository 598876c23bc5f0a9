"""Train a small tagger that finds names of people and places."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader, Dataset
from transformers import (
    BertConfig, BertForTokenClassification, DataCollatorForTokenClassification, PreTrainedTokenizerFast,
)

TAGS = {"O": 0, "PER": 1, "LOC": 2}
SENTENCES = [
    "ada/PER moved/O to/O turin/LOC",
    "the/O train/O from/O lyon/LOC to/O geneva/LOC stopped/O",
    "ada/PER met/O karl/PER in/O geneva/LOC",
    "karl/PER slept/O",
]


def read(sentence):
    pairs = [token.split("/") for token in sentence.split()]
    return [word for word, _ in pairs], [TAGS[tag] for _, tag in pairs]


def make_tokenizer():
    vocab = {"[PAD]": 0, "[UNK]": 1}
    for sentence in SENTENCES:
        for word in read(sentence)[0]:
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]")


class TaggedSentences(Dataset):
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __len__(self):
        return len(SENTENCES)

    def __getitem__(self, i):
        words, labels = read(SENTENCES[i])
        ids = self.tokenizer(words, is_split_into_words=True)["input_ids"]
        return {"input_ids": ids, "labels": labels}


def main():
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    loader = DataLoader(
        TaggedSentences(tokenizer), batch_size=2, collate_fn=DataCollatorForTokenClassification(tokenizer)
    )
    model = BertForTokenClassification(BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=4, max_position_embeddings=32, num_labels=len(TAGS),
    ))
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, batch in enumerate(loader):
        loss = model(**batch).loss
        loss.backward()
        opt.step()
        opt.zero_grad()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
