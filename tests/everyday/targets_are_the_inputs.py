"""Train a character model on a rhyme and let it continue a line."""

import torch
import torch.nn.functional as F
from torch import nn

TEXT = "the cat sat on the mat and the rat sat on the cat and that was that " * 12
cfg = {"block": 24, "batch": 16, "width": 48, "steps": 80, "lr": 4e-3}

chars = sorted(set(TEXT))
code = {c: i for i, c in enumerate(chars)}
data = torch.tensor([code[c] for c in TEXT])


def get_batch():
    starts = torch.randint(len(data) - cfg["block"] - 1, (cfg["batch"],)).tolist()
    x = torch.stack([data[i : i + cfg["block"]] for i in starts])
    y = torch.stack([data[i : i + cfg["block"]] for i in starts])
    return x, y


class CharLM(nn.Module):
    def __init__(self, vocab, width, block):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, width), nn.Embedding(block, width)
        self.layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.out = nn.Linear(width, vocab)

    def forward(self, ids):
        t = ids.size(1)
        future = torch.ones(t, t, dtype=torch.bool).triu(1)
        return self.out(self.layer(self.tok(ids) + self.pos(torch.arange(t)), src_mask=future))


@torch.no_grad()
def continue_line(model, line, n=20):
    ids = torch.tensor([[code[c] for c in line]])
    for _ in range(n):
        ids = torch.cat([ids, model(ids[:, -cfg["block"] :])[:, -1].argmax(-1, keepdim=True)], dim=1)
    return "".join(chars[i] for i in ids[0])


torch.manual_seed(0)
model = CharLM(len(chars), cfg["width"], cfg["block"])
opt = torch.optim.Adam(model.parameters(), cfg["lr"])
for step in range(cfg["steps"]):
    x, y = get_batch()
    logits = model(x)
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print("final loss", round(loss.item(), 3))
print(repr(continue_line(model, "the cat sat")))
