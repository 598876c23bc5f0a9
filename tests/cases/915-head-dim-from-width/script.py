from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIGS = {
    "llama-tiny": dict(vocab_size=64, n_layer=2, n_head=4, dim=48, intermediate_size=96),
    "gemma-tiny": dict(vocab_size=80, n_layer=2, n_head=4, dim=48, intermediate_size=128),
}


@dataclass
class ModelArgs:
    vocab_size: int
    n_layer: int
    n_head: int
    dim: int
    intermediate_size: int
    head_dim: int = 0

    def __post_init__(self):
        self.head_dim = self.dim // self.n_head


class Attention(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.n_head, self.head_dim = args.n_head, args.head_dim
        self.wqkv = nn.Linear(args.dim, 3 * args.n_head * args.head_dim, bias=False)
        self.wo = nn.Linear(args.n_head * args.head_dim, args.dim, bias=False)

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (self.n_head, self.head_dim)).transpose(1, 2) for t in self.wqkv(x).chunk(3, -1))
        return self.wo(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.embed = nn.Embedding(args.vocab_size, args.dim)
        self.attn = nn.ModuleList(Attention(args) for _ in range(args.n_layer))
        self.up = nn.ModuleList(nn.Linear(args.dim, args.intermediate_size, bias=False) for _ in range(args.n_layer))
        self.down = nn.ModuleList(nn.Linear(args.intermediate_size, args.dim, bias=False) for _ in range(args.n_layer))

    def forward(self, ids):
        x = self.embed(ids)
        for attn, up, down in zip(self.attn, self.up, self.down):
            x = x + attn(x)
            x = x + down(F.gelu(up(x)))
        return x @ self.embed.weight.t()


def released_weights(name):
    c, width = CONFIGS[name], {"llama-tiny": 48, "gemma-tiny": 64}[name]
    weights = {"embed.weight": torch.randn(c["vocab_size"], c["dim"])}
    for i in range(c["n_layer"]):
        for p in "qkv":
            weights[f"{p}.{i}"] = 0.1 * torch.randn(width, c["dim"])
        weights[f"attn.{i}.wo.weight"] = 0.1 * torch.randn(c["dim"], width)
        weights[f"up.{i}.weight"] = 0.1 * torch.randn(c["intermediate_size"], c["dim"])
        weights[f"down.{i}.weight"] = 0.1 * torch.randn(c["dim"], c["intermediate_size"])
    return weights


def convert(weights, args):
    def permute(w):
        return w.view(args.n_head, 2, args.head_dim // 2, args.dim).transpose(1, 2).reshape(-1, args.dim)

    for i in range(args.n_layer):
        q, k, v = (weights.pop(f"{p}.{i}") for p in "qkv")
        weights[f"attn.{i}.wqkv.weight"] = torch.cat([permute(q), permute(k), v])
    return weights


torch.manual_seed(0)
for name, fields in CONFIGS.items():
    model = Transformer(args := ModelArgs(**fields))
    model.load_state_dict(convert(released_weights(name), args))
    print(name, tuple(model(torch.arange(6).unsqueeze(0)).shape))
