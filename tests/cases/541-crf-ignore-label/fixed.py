"""Named entities with a small BERT and a linear-chain CRF on top."""
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
CLS, SEP, PAD = 1, 2, 0
LABEL_PAD = 0
SENTENCES = [
    ([11, 12, 13, 14], [1, 2, 0, 3]), ([15, 16, 17], [0, 0, 3]),
    ([18, 19, 20, 21, 22, 23], [0, 1, 0, 0, 3, 4]), ([24, 25], [1, 2]),
]


def encode(words, tags):
    return {"input_ids": [CLS, *words, SEP], "labels": [LABEL_PAD, *tags, LABEL_PAD]}


def collate(features):
    width = max(len(f["input_ids"]) for f in features)

    def pad(name, value):
        return torch.tensor([f[name] + [value] * (width - len(f[name])) for f in features])

    ids = pad("input_ids", PAD)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": pad("labels", LABEL_PAD)}


class CRF(nn.Module):
    def __init__(self, num_tags):
        super().__init__()
        self.start = nn.Parameter(torch.empty(num_tags).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags).uniform_(-0.1, 0.1))

    def score(self, emissions, tags, mask):
        rows = torch.arange(tags.size(1))
        total = self.start[tags[0]] + emissions[0, rows, tags[0]]
        for t in range(1, len(tags)):
            step = self.transitions[tags[t - 1], tags[t]] + emissions[t, rows, tags[t]]
            total = total + step * mask[t]
        return total

    def normalizer(self, emissions, mask):
        alpha = self.start + emissions[0]
        for t in range(1, len(emissions)):
            new = torch.logsumexp(alpha.unsqueeze(2) + self.transitions + emissions[t].unsqueeze(1), dim=1)
            alpha = torch.where(mask[t].bool().unsqueeze(1), new, alpha)
        return torch.logsumexp(alpha, dim=1)


class BertCRF(nn.Module):
    def __init__(self):
        super().__init__()
        config = BertConfig(vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.emit = nn.Linear(config.hidden_size, len(TAGS))
        self.crf = CRF(len(TAGS))

    def forward(self, input_ids, attention_mask, labels):
        hidden = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        emissions, mask = self.emit(hidden).transpose(0, 1), attention_mask.t()
        return (self.crf.normalizer(emissions, mask) - self.crf.score(emissions, labels.t(), mask)).mean()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = BertCRF()
    opt = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loader = DataLoader([encode(*s) for s in SENTENCES], batch_size=2, collate_fn=collate)
    for epoch in range(3):
        for batch in loader:
            loss = model(**batch)
            opt.zero_grad(); loss.backward(); opt.step()
        print(f"epoch {epoch} nll {loss.item():.3f}")
