"""Token classification with an encoder that is picked by name."""
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel

ENCODERS = {
    "wwm-ext": {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96},
    "wwm-ext-large": {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 8, "intermediate_size": 128},
}
LABELS = ["O", "B-DRUG", "I-DRUG", "B-DISEASE", "I-DISEASE", "X"]


def load_encoder(name):
    return BertModel(BertConfig(vocab_size=90, max_position_embeddings=32, **ENCODERS[name]), add_pooling_layer=False)


class NerModel(nn.Module):
    def __init__(self, encoder, num_labels, hidden_size=48, dropout=0.1):
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden_size, num_labels)
        self.loss = nn.CrossEntropyLoss(ignore_index=-100)

    def forward(self, input_ids, attention_mask, labels):
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        logits = self.classifier(self.dropout(hidden))
        return self.loss(logits.flatten(0, 1), labels.flatten()), logits


def make_records(count, seed=0):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(count):
        length = int(torch.randint(5, 12, (1,), generator=gen))
        ids = torch.randint(5, 90, (length,), generator=gen)
        yield {"input_ids": ids, "labels": ids % len(LABELS)}


def collate(records):
    ids = nn.utils.rnn.pad_sequence([r["input_ids"] for r in records], batch_first=True)
    labels = nn.utils.rnn.pad_sequence([r["labels"] for r in records], batch_first=True, padding_value=-100)
    return {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": labels}


def validate(model, loader):
    model.eval()
    hits = total = 0
    with torch.no_grad():
        for batch in loader:
            _, logits = model(**batch)
            keep = batch["labels"] != -100
            hits += (logits.argmax(-1) == batch["labels"])[keep].sum().item()
            total += keep.sum().item()
    return hits / total


def run(name):
    torch.manual_seed(0)
    model = NerModel(load_encoder(name), len(LABELS))
    loader = DataLoader(list(make_records(10)), batch_size=4, collate_fn=collate)
    print(f"{name:<14} accuracy before training {validate(model, loader):.3f}")


if __name__ == "__main__":
    for encoder_name in ENCODERS:
        run(encoder_name)
