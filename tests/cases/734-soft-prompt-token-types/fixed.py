"""Soft prompt tuning on a frozen BERT classifier."""
from dataclasses import dataclass

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification


@dataclass
class Task:
    vocab: int = 90
    length: int = 24
    prompt_tokens: int = 6
    labels: int = 2
    rows: int = 4


class SoftPromptModel(nn.Module):
    def __init__(self, backbone, token_num):
        super().__init__()
        self.backbone = backbone
        for p in backbone.parameters():
            p.requires_grad_(False)
        words = backbone.get_input_embeddings()
        start = torch.randperm(words.num_embeddings)[:token_num]
        self.soft = nn.Parameter(words.weight[start].clone())

    def extend(self, input_ids, attention_mask):
        rows = input_ids.size(0)
        words = self.backbone.get_input_embeddings()(input_ids)
        embeds = torch.cat([self.soft.expand(rows, -1, -1), words], dim=1)
        mask = torch.cat([attention_mask.new_ones(rows, self.soft.size(0)), attention_mask], dim=1)
        return embeds, mask

    def forward(self, input_ids, attention_mask, token_type_ids=None, labels=None):
        embeds, mask = self.extend(input_ids, attention_mask)
        if token_type_ids is not None:
            token_type_ids = nn.functional.pad(token_type_ids, (self.soft.size(0), 0))
        return self.backbone(
            inputs_embeds=embeds, attention_mask=mask, token_type_ids=token_type_ids, labels=labels
        )


def make_backbone(task):
    return BertForSequenceClassification(BertConfig(
        vocab_size=task.vocab, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, num_labels=task.labels,
    ))


def pair_batches(task, count):
    for _ in range(count):
        ids = torch.randint(4, task.vocab, (task.rows, task.length))
        second = (torch.arange(task.length) >= task.length // 2).long().expand(task.rows, -1)
        yield {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "token_type_ids": second,
            "labels": torch.randint(0, task.labels, (task.rows,)),
        }


def main():
    torch.manual_seed(0)
    task = Task()
    backbone = make_backbone(task)
    batch = next(pair_batches(task, 1))
    print("backbone loss %.3f" % backbone(**batch).loss.item())
    model = SoftPromptModel(backbone, task.prompt_tokens)
    opt = torch.optim.AdamW([model.soft], lr=1e-2)
    for step, batch in enumerate(pair_batches(task, 3)):
        loss = model(**batch).loss
        loss.backward()
        opt.step()
        opt.zero_grad()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
