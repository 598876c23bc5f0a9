"""Best-of-n: a reward model picks one of several sampled answers."""

from typing import NamedTuple

import torch
from torch import nn
from transformers import LlamaConfig, LlamaModel

PAD = 0


class Batch(NamedTuple):
    ids: torch.Tensor
    mask: torch.Tensor


def pad_right(answers):
    width = max(len(a) for a in answers)
    rows = [answer + [PAD] * (width - len(answer)) for answer in answers]
    mask = [[1] * len(a) + [0] * (width - len(a)) for a in answers]
    return Batch(torch.tensor(rows), torch.tensor(mask))


class RewardModel(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.config.hidden_size, 1, bias=False)

    def forward(self, batch):
        hidden = self.backbone(batch.ids, attention_mask=batch.mask).last_hidden_state
        last = batch.mask.sum(1) - 1
        pooled = hidden[torch.arange(len(last)), last]
        return self.head(pooled).squeeze(-1)


def best_of(model, answers):
    with torch.no_grad():
        rewards = model(pad_right(answers))
    return rewards.argmax().item(), [round(r, 3) for r in rewards.tolist()]


def main():
    torch.manual_seed(18)
    config = LlamaConfig(
        vocab_size=80,
        hidden_size=40,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        pad_token_id=PAD,
    )
    model = RewardModel(LlamaModel(config)).eval()
    answers = [[7, 31, 4, 55, 2], [7, 9, 2], [18, 44, 61, 3, 3, 29, 70, 12, 2], [40, 2]]
    choice, rewards = best_of(model, answers)
    print("rewards", rewards, "-> answer", choice)


main()
