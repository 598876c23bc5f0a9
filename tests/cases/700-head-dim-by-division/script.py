"""Run a quantised-file style checkpoint: flat metadata plus a dictionary of tensors."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass
class Props:
    blocks: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    rope_base: float

    @classmethod
    def from_metadata(cls, meta):
        width, heads = meta["llama.embedding_length"], meta["llama.attention.head_count"]
        return cls(
            blocks=meta["llama.block_count"],
            width=width,
            heads=heads,
            kv_heads=meta["llama.attention.head_count_kv"],
            head_dim=width // heads,
            rope_base=meta.get("llama.rope.freq_base", 10000.0),
        )


def read_file(name):
    meta = {"general.name": name, "llama.block_count": 2, "llama.attention.head_count": 4,
            "llama.attention.head_count_kv": 2, "llama.vocab_size": 48}
    shape = {"small": (64, 16), "nemo": (80, 16)}[name]
    meta.update({"llama.embedding_length": shape[0], "llama.attention.key_length": shape[1]})
    gen = torch.Generator().manual_seed(0)
    new = lambda *size: 0.1 * torch.randn(*size, generator=gen)
    tensors = {"token_embd": new(48, shape[0])}
    for i in range(2):
        tensors[f"blk.{i}.attn_q"] = new(4 * shape[1], shape[0])
        tensors[f"blk.{i}.attn_k"] = new(2 * shape[1], shape[0])
        tensors[f"blk.{i}.attn_v"] = new(2 * shape[1], shape[0])
        tensors[f"blk.{i}.attn_output"] = new(shape[0], 4 * shape[1])
    return meta, tensors


class Model:
    def __init__(self, meta, tensors):
        self.props, self.tensors = Props.from_metadata(meta), tensors
        half = self.props.head_dim // 2
        self.freq = self.props.rope_base ** (-torch.arange(half) / half)

    def project(self, x, key, heads):
        y = F.linear(x, self.tensors[key])
        return y.view(x.size(0), x.size(1), heads, self.props.head_dim).transpose(1, 2)

    def rotate(self, x):
        angle = torch.arange(x.size(2)).unsqueeze(1) * self.freq
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], dim=-1)

    def logits(self, ids):
        p, x = self.props, self.tensors["token_embd"][ids]
        for i in range(p.blocks):
            h = F.rms_norm(x, (p.width,))
            q = self.rotate(self.project(h, f"blk.{i}.attn_q", p.heads))
            k = self.rotate(self.project(h, f"blk.{i}.attn_k", p.kv_heads))
            v = self.project(h, f"blk.{i}.attn_v", p.kv_heads)
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = x + F.linear(out.transpose(1, 2).flatten(2), self.tensors[f"blk.{i}.attn_output"])
        return x @ self.tensors["token_embd"].T


if __name__ == "__main__":
    prompt = torch.tensor([[3, 14, 15, 9, 26, 5, 35]])
    for name in ("small", "nemo"):
        model = Model(*read_file(name))
        print(f"{name:<6} next token {model.logits(prompt)[0, -1].argmax().item()}")
