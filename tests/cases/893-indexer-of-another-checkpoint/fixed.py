"""Train a small BERT tagger from a settings dictionary."""
import torch
from torch import nn
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
RELEASES = {
    "news-base-cased": {"words": "Berlin Oslo Anna Peter lives in works for".split(), "lowercase": False},
    "news-base-uncased": {
        "words": "a the and lives works in for near berlin oslo rome anna peter maria".split(), "lowercase": True,
    },
}
SENTENCES = [
    ("Anna lives in Berlin", ["PER", "O", "O", "LOC"]),
    ("Maria works for Peter in Oslo", ["PER", "O", "O", "PER", "O", "LOC"]),
]
SETTINGS = {
    "reader": {"labels": ["O", "PER", "LOC"], "vocabulary": "news-base-cased"},
    "model": {"encoder": "news-base-cased", "hidden": 32, "layers": 2},
    "trainer": {"epochs": 2, "lr": 1e-3},
}


def vocabulary_of(release):
    return {piece: i for i, piece in enumerate(SPECIAL + RELEASES[release]["words"])}


class Reader:
    def __init__(self, labels, vocabulary):
        self.labels = {name: i for i, name in enumerate(labels)}
        core = Tokenizer(models.WordLevel(vocabulary_of(vocabulary), unk_token="[UNK]"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        if RELEASES[vocabulary]["lowercase"]:
            core.normalizer = normalizers.Lowercase()
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]")

    def batch(self, sentences):
        enc = self.tokenizer([text for text, _ in sentences], padding=True, return_tensors="pt")
        gold = torch.full_like(enc["input_ids"], -100)
        for row, (_, tags) in enumerate(sentences):
            gold[row, :len(tags)] = torch.tensor([self.labels[t] for t in tags])
        return enc["input_ids"], enc["attention_mask"], gold


class Tagger(nn.Module):
    def __init__(self, encoder, hidden, layers, n_labels):
        super().__init__()
        self.bert = BertModel(BertConfig(
            vocab_size=len(vocabulary_of(encoder)), hidden_size=hidden, num_hidden_layers=layers,
            num_attention_heads=4, intermediate_size=2 * hidden, max_position_embeddings=32,
        ), add_pooling_layer=False)
        self.project = nn.Linear(hidden, n_labels)

    def forward(self, ids, mask):
        return self.project(self.bert(ids, attention_mask=mask).last_hidden_state)


def train(settings):
    torch.manual_seed(0)
    reader = Reader(**settings["reader"])
    tagger = Tagger(**settings["model"], n_labels=len(reader.labels))
    optimizer = torch.optim.Adam(tagger.parameters(), settings["trainer"]["lr"])
    for epoch in range(settings["trainer"]["epochs"]):
        ids, mask, gold = reader.batch(SENTENCES)
        loss = nn.functional.cross_entropy(tagger(ids, mask).flatten(0, 1), gold.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("epoch", epoch, "loss %.3f" % loss.item())


train(SETTINGS)
