"""Reuse a domain classifier on a new label set."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForSequenceClassification

TRAIN = [
    ("the striker missed the penalty", "sport"), ("the central bank raised rates", "finance"),
    ("a new phone with two cameras", "tech"), ("the choir sang in the old church", "culture"),
    ("shares fell after the report", "finance"), ("the goalkeeper was injured", "sport"),
    ("the museum opens on sunday", "culture"), ("the update fixes the battery", "tech"),
]


class Domains:
    def __init__(self, rows):
        self.labels = sorted({label for _, label in rows})
        self.label2id = {label: i for i, label in enumerate(self.labels)}


def build_tokenizer(texts):
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    for text in texts:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
                                   unk_token="<unk>", model_max_length=12)


def load_pretrained_classifier(vocab_size):
    torch.manual_seed(9)
    return XLMRobertaForSequenceClassification(XLMRobertaConfig(
        vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=40, type_vocab_size=1, num_labels=2, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    ))


def adapt(model, domains):
    model.classifier.out_proj = torch.nn.Linear(model.classifier.out_proj.in_features, len(domains.labels))
    model.config.label2id = domains.label2id
    model.config.id2label = {i: label for label, i in domains.label2id.items()}
    model.num_labels = len(domains.labels)
    return model


def make_collate(tokenizer, domains):
    def collate(rows):
        texts, labels = zip(*rows)
        batch = tokenizer([f"<s> {t} </s>" for t in texts], padding="max_length", truncation=True, return_tensors="pt",
                          return_token_type_ids=False)
        batch["labels"] = torch.tensor([domains.label2id[label] for label in labels])
        return batch
    return collate


def train(model, loader, epochs=2):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print(f"epoch {epoch} loss {loss.item():.3f}")


if __name__ == "__main__":
    domains = Domains(TRAIN)
    tokenizer = build_tokenizer(text for text, _ in TRAIN)
    model = adapt(load_pretrained_classifier(len(tokenizer)), domains)
    train(model, DataLoader(TRAIN, batch_size=4, collate_fn=make_collate(tokenizer, domains)))
