"""Soft prompt tuning of a frozen BERT classifier."""
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

PROMPT_TOKENS = 10
PAD = 0


class SoftPrompt(nn.Module):
    def __init__(self, embedding, count):
        super().__init__()
        start = torch.randint(1, embedding.num_embeddings, (count,))
        self.weight = nn.Parameter(embedding.weight[start].detach().clone())

    def prepend(self, embeds):
        return torch.cat([self.weight.expand(embeds.size(0), -1, -1), embeds], dim=1)


class SoftPromptClassifier(nn.Module):
    def __init__(self, backbone, count=PROMPT_TOKENS):
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.prompt = SoftPrompt(backbone.get_input_embeddings(), count)

    def forward(self, batch, labels=None):
        inputs = dict(batch)
        ids = inputs.pop("input_ids")
        inputs["inputs_embeds"] = self.prompt.prepend(self.backbone.get_input_embeddings()(ids))
        mask = inputs["attention_mask"]
        ones = mask.new_ones(mask.size(0), self.prompt.weight.size(0))
        inputs["attention_mask"] = torch.cat([ones, mask], dim=1)
        inputs["token_type_ids"] = torch.cat([torch.zeros_like(ones), inputs["token_type_ids"]], dim=1)
        return self.backbone(**inputs, labels=labels)


def encode(pairs):
    """[CLS] first [SEP] second [SEP], padded to the longest pair."""
    rows = [[1, *a, 2, *b, 2] for a, b in pairs]
    types = [[0] * (len(a) + 2) + [1] * (len(b) + 1) for a, b in pairs]
    width = max(map(len, rows))

    def pad(lists, value):
        return torch.tensor([x + [value] * (width - len(x)) for x in lists])

    ids = pad(rows, PAD)
    return {"input_ids": ids, "token_type_ids": pad(types, 0), "attention_mask": ids.ne(PAD).long()}


def train():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=120, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )
    model = SoftPromptClassifier(BertForSequenceClassification(config))
    opt = torch.optim.AdamW([model.prompt.weight], lr=0.05)
    batch = encode([([10, 11, 12], [13, 14]), ([20, 21], [22]), ([30, 31, 32, 33], [34, 35, 36, 37])])
    labels = torch.tensor([0, 1, 1])
    for step in range(3):
        loss = model(batch, labels).loss
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"step {step} loss {loss.item():.4f}")


train()
