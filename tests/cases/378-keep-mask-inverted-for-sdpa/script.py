"""Label attention for text classification: every label looks at the tokens that explain it."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

TEXTS = ["baker in a small shop", "head of a research laboratory for physics and chemistry", "teacher"]


@dataclass
class LabelAttentionConfig:
    n_embd: int = 32
    n_head: int = 4
    num_classes: int = 3


class LabelAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.labels = nn.Embedding(cfg.num_classes, cfg.n_embd)
        self.c_q, self.c_kv = nn.Linear(cfg.n_embd, cfg.n_embd), nn.Linear(cfg.n_embd, 2 * cfg.n_embd)

    def heads(self, t):
        return t.unflatten(-1, (self.cfg.n_head, -1)).transpose(1, 2)

    def forward(self, tokens, attention_mask):
        q = self.heads(self.c_q(self.labels.weight).expand(tokens.size(0), -1, -1))
        k, v = (self.heads(t) for t in self.c_kv(tokens).chunk(2, dim=-1))
        mask = (attention_mask == 0)[:, None, None, :]
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return out.transpose(1, 2).flatten(2)


class TextClassifier(nn.Module):
    def __init__(self, vocab, cfg):
        super().__init__()
        self.embed = nn.Embedding(vocab, cfg.n_embd, padding_idx=0)
        self.attend = LabelAttention(cfg)
        self.score = nn.Linear(cfg.n_embd, 1)

    def forward(self, input_ids, attention_mask):
        x = self.embed(input_ids)
        return self.score(self.attend(x, attention_mask)).squeeze(-1)


def encode(texts, vocab, width=12):
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    for row, text in enumerate(texts):
        words = [vocab.setdefault(w, len(vocab) + 1) for w in text.split()][:width]
        ids[row, :len(words)] = torch.tensor(words)
    return ids, (ids != 0).long()


def main():
    torch.manual_seed(0)
    ids, mask = encode(TEXTS, {})
    model = TextClassifier(vocab=int(ids.max()) + 1, cfg=LabelAttentionConfig()).eval()
    with torch.no_grad():
        scores = model(ids, mask)
    for text, row in zip(TEXTS, scores):
        print("%-56s" % text, [round(v, 4) for v in row.tolist()])


main()
