"""A decoder whose low-rank adapters are swapped in at run time, one entry a layer."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class AttentionConfig:
    num_heads: int
    num_query_groups: int
    head_dim: int


@dataclass(frozen=True)
class ModelConfig:
    vocab_size: int
    embedding_dim: int
    num_layers: int
    attn: AttentionConfig


class LoRAWeight:
    def __init__(self, in_dim, out_dim, rank, generator):
        self.a = torch.randn(in_dim, rank, generator=generator) / in_dim ** 0.5
        self.b = torch.randn(rank, out_dim, generator=generator) * 0.1

    def __call__(self, x):
        return x @ self.a @ self.b


@dataclass
class LoRAEntry:
    query: LoRAWeight
    key: LoRAWeight
    value: LoRAWeight


def random_lora(config, rank, seed):
    attn = config.attn
    gen = torch.Generator().manual_seed(seed)
    q_out_dim = attn.num_heads * attn.head_dim
    kv_out_dim = attn.num_query_groups * attn.head_dim
    dims = (q_out_dim, kv_out_dim, kv_out_dim)
    return [
        LoRAEntry(*(LoRAWeight(config.embedding_dim, out, rank, gen) for out in dims))
        for _ in range(config.num_layers)
    ]


def apply_lora(x, weight, shape):
    return weight(x).reshape(shape)


class CausalSelfAttention(nn.Module):
    def __init__(self, dim, config):
        super().__init__()
        self.config = config
        self.q_proj = nn.Linear(dim, config.num_heads * config.head_dim, bias=False)
        self.k_proj = nn.Linear(dim, config.num_query_groups * config.head_dim, bias=False)
        self.v_proj = nn.Linear(dim, config.num_query_groups * config.head_dim, bias=False)
        self.out = nn.Linear(config.num_heads * config.head_dim, dim, bias=False)

    def forward(self, x, lora=None):
        B, T, _ = x.shape
        q = self.q_proj(x).view(B, T, -1, self.config.head_dim)
        k = self.k_proj(x).view(B, T, -1, self.config.head_dim)
        v = self.v_proj(x).view(B, T, -1, self.config.head_dim)
        if lora is not None:
            q = q + apply_lora(x, lora.query, q.shape)
            k = k + apply_lora(x, lora.key, k.shape)
            v = v + apply_lora(x, lora.value, v.shape)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.out(y.transpose(1, 2).flatten(2))


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.norms = nn.ModuleList(nn.RMSNorm(config.embedding_dim) for _ in range(config.num_layers))
        self.layers = nn.ModuleList(
            CausalSelfAttention(config.embedding_dim, config.attn) for _ in range(config.num_layers))

    def forward(self, tokens, lora=None):
        x = self.embed(tokens)
        for i, (norm, layer) in enumerate(zip(self.norms, self.layers)):
            x = x + layer(norm(x), lora[i] if lora else None)
        return x @ self.embed.weight.T


@torch.no_grad()
def main():
    torch.manual_seed(0)
    tokens = torch.randint(0, 60, (2, 7))
    for name, attn in (("mqa", AttentionConfig(4, 1, 8)), ("gqa", AttentionConfig(8, 2, 4))):
        config = ModelConfig(60, 32, 2, attn)
        model = Decoder(config).eval()
        plain, adapted = model(tokens), model(tokens, random_lora(config, rank=4, seed=1))
        print(name, "shift of the logits %.4f" % (adapted - plain).abs().mean().item())


if __name__ == "__main__":
    main()
