"""A minimal GPT-2 with its own key/value cache."""
from types import SimpleNamespace

import torch
from torch import nn
import torch.nn.functional as F

ARGS = SimpleNamespace(n_vocab=60, n_ctx=48, n_embd=32, n_head=4, n_layer=2)


class KVCache:
    def __init__(self):
        self.keys = self.values = None

    @property
    def offset(self):
        return 0 if self.keys is None else self.keys.size(2)

    def update(self, k, v):
        if self.keys is not None:
            k, v = torch.cat([self.keys, k], dim=2), torch.cat([self.values, v], dim=2)
        self.keys, self.values = k, v
        return k, v


class Block(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.n_head = a.n_head
        self.ln_1, self.ln_2 = nn.LayerNorm(a.n_embd), nn.LayerNorm(a.n_embd)
        self.c_attn, self.c_proj = nn.Linear(a.n_embd, 3 * a.n_embd), nn.Linear(a.n_embd, a.n_embd)
        self.mlp = nn.Sequential(nn.Linear(a.n_embd, 4 * a.n_embd), nn.GELU(), nn.Linear(4 * a.n_embd, a.n_embd))

    def forward(self, x, cache):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.n_head, -1).transpose(1, 2) for t in self.c_attn(self.ln_1(x)).chunk(3, -1))
        k, v = cache.update(k, v)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)
        x = x + self.c_proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(a.n_vocab, a.n_embd), nn.Embedding(a.n_ctx, a.n_embd)
        self.h = nn.ModuleList(Block(a) for _ in range(a.n_layer))
        self.ln_f, self.lm_head = nn.LayerNorm(a.n_embd), nn.Linear(a.n_embd, a.n_vocab, bias=False)

    def forward(self, tokens, cache):
        positions = torch.arange(tokens.size(1))
        x = self.wte(tokens) + self.wpe(positions)
        for block, layer_cache in zip(self.h, cache):
            x = block(x, layer_cache)
        return self.lm_head(self.ln_f(x))


@torch.no_grad()
def generate(model, prompt, max_tokens):
    cache = [KVCache() for _ in model.h]
    y = torch.tensor([prompt])
    for _ in range(max_tokens):
        y = model(y, cache)[:, -1].argmax(-1, keepdim=True)
        yield y.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = GPT2(ARGS).eval()
    for prompt in ([3, 14, 15, 9, 2, 6], [27, 18, 28]):
        print(prompt, "->", list(generate(model, prompt, 12)))
