"""A small LLaMA written out by hand, with an attention kernel that walks over blocks of keys."""
import torch
from torch import nn
from torch.nn import functional as F

PRESETS = {
    "tiny-7b": dict(dim=64, n_heads=8, n_kv_heads=8, n_layers=2),
    "tiny-70b": dict(dim=64, n_heads=8, n_kv_heads=2, n_layers=3),
}


def rope(x, base=10000.0):
    half = x.size(-1) // 2
    angle = torch.outer(torch.arange(x.size(1)), base ** (-torch.arange(half) / half))
    cos, sin = angle.cos()[None, :, None], angle.sin()[None, :, None]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def block_attention(q, k, v, block=4):
    length, scale = q.size(2), q.size(-1) ** -0.5
    query_pos = torch.arange(length).unsqueeze(1)
    top = q.new_full(q.shape[:3], float("-inf"))
    norm, out = torch.zeros_like(top), torch.zeros_like(q)
    for start in range(0, length, block):
        kb, vb = k[:, :, start:start + block], v[:, :, start:start + block]
        score = torch.einsum("bhqd,bhkd->bhqk", q, kb) * scale
        hidden = query_pos < torch.arange(start, start + kb.size(2))
        score = score.masked_fill(hidden, float("-inf"))
        new_top = torch.maximum(top, score.amax(-1))
        weight = torch.exp(score - new_top.unsqueeze(-1))
        decay = torch.exp(top - new_top)
        norm = norm * decay + weight.sum(-1)
        out = out * decay.unsqueeze(-1) + torch.einsum("bhqk,bhkd->bhqd", weight, vb)
        top = new_top
    return out / norm.unsqueeze(-1)


class Layer(nn.Module):
    def __init__(self, dim, n_heads, n_kv_heads):
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head_dim = n_heads, n_kv_heads, dim // n_heads
        self.wq = nn.Linear(dim, n_heads * self.head_dim, bias=False)
        self.wk = nn.Linear(dim, n_kv_heads * self.head_dim, bias=False)
        self.wv = nn.Linear(dim, n_kv_heads * self.head_dim, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)
        self.up, self.down = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x):
        h = F.rms_norm(x, x.shape[-1:])
        q = rope(self.wq(h).unflatten(-1, (self.n_heads, self.head_dim))).transpose(1, 2)
        k = rope(self.wk(h).unflatten(-1, (self.n_kv_heads, self.head_dim))).transpose(1, 2)
        v = self.wv(h).unflatten(-1, (self.n_kv_heads, self.head_dim)).transpose(1, 2)
        groups = self.n_heads // self.n_kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        x = x + self.wo(block_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.down(F.silu(self.up(F.rms_norm(x, x.shape[-1:]))))


@torch.no_grad()
def run(preset, ids):
    torch.manual_seed(2)
    spec = dict(PRESETS[preset])
    layers = [Layer(spec["dim"], spec["n_heads"], spec["n_kv_heads"]) for _ in range(spec["n_layers"])]
    table, head = nn.Embedding(50, spec["dim"]), nn.Linear(spec["dim"], 50, bias=False)
    logits = nn.Sequential(table, *layers, head)(ids)
    return logits.argmax(-1)[:, -1].tolist()


if __name__ == "__main__":
    prompt = torch.randint(0, 50, (2, 10), generator=torch.Generator().manual_seed(0))
    for preset in PRESETS:
        print(preset, run(preset, prompt))
