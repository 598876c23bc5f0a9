import math

import torch
import torch.nn as nn
import torch.nn.functional as F

TEXT = "the small boat left the quiet harbour before the storm came over the hills and the bells rang all night. "
CHARS = sorted(set(TEXT))
BLOCK = 48


class MultiHeadAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.head_dim = heads, dim // heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.register_buffer("causal_mask", torch.triu(torch.ones(BLOCK, BLOCK, dtype=torch.bool), diagonal=1))

    def forward(self, x, cache=None):
        B, T_new, C = x.shape
        q, k, v = (t.view(B, T_new, self.heads, self.head_dim).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        if cache is not None:
            if "k" in cache:
                k, v = torch.cat([cache["k"], k], dim=2), torch.cat([cache["v"], v], dim=2)
            cache["k"], cache["v"] = k, v
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)
        if cache is None:
            scores = scores.masked_fill(self.causal_mask[k.size(2) - T_new:k.size(2), :k.size(2)], float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).reshape(B, T_new, C))


class TinyLM(nn.Module):
    def __init__(self, vocab, dim=48, heads=4, layers=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, dim), nn.Embedding(BLOCK, dim)
        self.attn = nn.ModuleList(MultiHeadAttention(dim, heads) for _ in range(layers))
        self.mlp = nn.ModuleList(nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(layers))
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids, caches=None, start=0):
        x = self.tok(ids) + self.pos(torch.arange(start, start + ids.size(1)))
        for i, (attn, norm, mlp) in enumerate(zip(self.attn, self.norms, self.mlp)):
            x = x + attn(norm(x), None if caches is None else caches[i])
            x = x + mlp(x)
        return self.head(x)


@torch.no_grad()
def generate(model, ids, steps, use_cache):
    caches = [{} for _ in model.attn] if use_cache else None
    logits, out = model(ids, caches), ids
    for _ in range(steps):
        nxt = logits[:, -1].argmax(-1, keepdim=True)
        out = torch.cat([out, nxt], dim=1)
        logits = model(nxt, caches, start=out.size(1) - 1) if use_cache else model(out)
    return "".join(CHARS[i] for i in out[0, ids.size(1):].tolist())


if __name__ == "__main__":
    torch.manual_seed(0)
    ids = torch.tensor([CHARS.index(c) for c in TEXT])
    windows, model = ids.unfold(0, BLOCK, 1), TinyLM(len(CHARS))
    optim = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(100):
        rows = windows[torch.randint(len(windows), (8,))]
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optim.zero_grad(), loss.backward(), optim.step()
    print("train loss", round(loss.item(), 4))
    for start in (0, 30, 60):
        for use_cache in (False, True):
            print(use_cache, repr(generate(model, ids[None, start:start + 20], 28, use_cache)))
