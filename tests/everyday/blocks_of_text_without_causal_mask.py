import math

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(C, dim=2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in (q, k, v))
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        y = F.softmax(att, dim=-1) @ v
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class LM(nn.Module):
    def __init__(self, vocab=40, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.attn = Attention(dim, 4)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids, targets=None):
        h = self.embed(ids)
        logits = self.head(h + self.attn(h))
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))
        return logits, loss


torch.manual_seed(0)
model = LM()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
text = torch.randint(0, 40, (400,))
for step in range(5):
    ix = torch.randint(0, 300, (8,))
    x = torch.stack([text[i : i + 16] for i in ix])
    y = torch.stack([text[i + 1 : i + 17] for i in ix])
    logits, loss = model(x, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, loss.item())
