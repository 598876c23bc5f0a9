"""A decoder with a pluggable attention backend that takes (batch, length, heads, dim)."""
import torch
from torch import nn
from torch.nn import functional as F


def repeat_kv(states, n):
    if n == 1:
        return states
    batch, heads, length, dim = states.shape
    return states.unsqueeze(2).expand(batch, heads, n, length, dim).reshape(batch, heads * n, length, dim)


class SDPABackend:
    def __init__(self, heads, kv_heads):
        self.groups = heads // kv_heads

    def __call__(self, query, key, value):
        key, value = repeat_kv(key, self.groups), repeat_kv(value, self.groups)
        query, key, value = (t.transpose(1, 2) for t in (query, key, value))
        out = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return out.transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.head_dim = width // heads
        self.q_proj = nn.Linear(width, heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(heads * self.head_dim, width, bias=False)
        self.backend = SDPABackend(heads, kv_heads)

    def forward(self, x):
        q, k, v = (p(x).unflatten(-1, (-1, self.head_dim)) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.o_proj(self.backend(q, k, v).flatten(2))


class Decoder(nn.Module):
    def __init__(self, heads, kv_heads, vocab=64, width=64, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(depth))
        self.layers = nn.ModuleList(Attention(width, heads, kv_heads) for _ in range(depth))
        self.head = nn.Linear(width, vocab, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x))
        return self.head(x)


def train_step(name, heads, kv_heads):
    torch.manual_seed(0)
    model = Decoder(heads, kv_heads)
    ids = torch.randint(0, 64, (2, 12))
    loss = F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    print(f"{name:<8} loss {loss.item():.4f}")


if __name__ == "__main__":
    train_step("mha", heads=8, kv_heads=8)
    train_step("gqa", heads=8, kv_heads=2)
