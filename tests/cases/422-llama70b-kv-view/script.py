"""Run the consolidated checkpoints of two model sizes through one small inference engine."""
import json
import math

import torch
from torch import nn

PARAMS = {
    "13b": '{"dim": 64, "n_heads": 8, "n_layers": 2, "vocab_size": 90}',
    "70b": '{"dim": 128, "n_heads": 16, "n_kv_heads": 4, "n_layers": 2, "vocab_size": 90}',
}


def fake_checkpoint(params):
    g = torch.Generator().manual_seed(1)
    dim, head = params["dim"], params["dim"] // params["n_heads"]
    kv = params.get("n_kv_heads", params["n_heads"]) * head
    state = {"tok": torch.randn(params["vocab_size"], dim, generator=g)}
    for i in range(params["n_layers"]):
        for name, rows in {"wq": dim, "wk": kv, "wv": kv, "wo": dim}.items():
            state[f"{i}.{name}"] = torch.randn(rows, dim, generator=g) / math.sqrt(dim)
    return state


class Attention(nn.Module):
    def __init__(self, weights, n_heads):
        super().__init__()
        self.proj = nn.ModuleDict()
        for name, weight in weights.items():
            self.proj[name] = nn.Linear(weight.size(1), weight.size(0), bias=False)
            self.proj[name].weight.data.copy_(weight)
        self.n_heads = n_heads
        self.head_dim = weights["wq"].size(0) // n_heads

    def split(self, name, x):
        bsz, q_len, _ = x.shape
        return self.proj[name](x).view(bsz, q_len, self.n_heads, self.head_dim).transpose(1, 2)

    def forward(self, x, mask):
        q, k, v = (self.split(name, x) for name in ("wq", "wk", "wv"))
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim) + mask
        y = scores.softmax(-1) @ v
        return self.proj["wo"](y.transpose(1, 2).flatten(2))


class Engine:
    def __init__(self, size):
        self.params = json.loads(PARAMS[size])
        state = fake_checkpoint(self.params)
        self.table = state.pop("tok")
        self.layers = []
        for i in range(self.params["n_layers"]):
            weights = {n: state[f"{i}.{n}"] for n in ("wq", "wk", "wv", "wo")}
            self.layers.append(Attention(weights, self.params["n_heads"]))

    @torch.no_grad()
    def logits(self, tokens):
        h = self.table[tokens]
        mask = torch.full((tokens.size(1),) * 2, float("-inf")).triu(1)
        for layer in self.layers:
            h = h + layer(nn.functional.rms_norm(h, h.shape[-1:]), mask)
        return h @ self.table.T


if __name__ == "__main__":
    prompt = torch.tensor([[1, 17, 42, 8, 63]])
    for size in PARAMS:
        print(size, "next token", Engine(size).logits(prompt)[0, -1].argmax().item())
