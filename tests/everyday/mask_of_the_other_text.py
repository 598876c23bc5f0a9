import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel

random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)


def pad(rows):
    ids = nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def collate(pairs):
    left, right, score = zip(*pairs)
    return pad(left), pad(right), torch.tensor(score)


def mean_pool(hidden, mask):
    m = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * m).sum(1) / m.sum(1).clamp(min=1)


class Siamese(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.bert = BertModel(cfg, add_pooling_layer=False)

    def forward(self, a, b):
        left = mean_pool(self.bert(**a).last_hidden_state, a["attention_mask"])
        right = mean_pool(self.bert(**b).last_hidden_state, a["attention_mask"])
        return torch.cosine_similarity(left, right)


def sentence(n):
    return [2] + [random.randint(5, 99) for _ in range(n)] + [3]


pairs = []
for i in range(40):
    n = 4 + i % 5
    pairs.append((sentence(n), sentence(n if i < 24 else n + i % 3), random.random()))
model = Siamese(
    BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=32,
    )
)
opt = torch.optim.AdamW(model.parameters(), 1e-3)
for a, b, score in DataLoader(pairs, batch_size=8, collate_fn=collate):
    loss = nn.functional.mse_loss(model(a, b), score)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(round(loss.item(), 4))
