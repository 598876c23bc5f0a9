import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import MistralConfig

NEMO = dict(vocab_size=97, hidden_size=40, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=16, rope_theta=10000.0, sliding_window=None)


def rotate(x, positions, theta):
    half = x.size(-1) // 2
    angle = positions[:, None] / theta ** (torch.arange(half) / half)
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def fused_attention(q, k, v):
    groups = q.size(1) // k.size(1)
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)


class FusedMistralAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.hidden_size = config.hidden_size
        self.head_dim = config.head_dim
        self.num_heads, self.num_kv = config.num_attention_heads, config.num_key_value_heads
        self.q_proj = nn.Linear(self.hidden_size, self.num_heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(self.hidden_size, self.num_kv * self.head_dim, bias=False)
        self.v_proj = nn.Linear(self.hidden_size, self.num_kv * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.num_heads * self.head_dim, self.hidden_size, bias=False)

    def forward(self, x):
        bsz, q_len, _ = x.shape
        positions = torch.arange(q_len, dtype=x.dtype)
        q = self.q_proj(x).view(bsz, q_len, self.num_heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(bsz, q_len, self.num_kv, self.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(bsz, q_len, self.num_kv, self.head_dim).transpose(1, 2)
        q, k = rotate(q, positions, 10000.0), rotate(k, positions, 10000.0)
        attn_output = fused_attention(q, k, v)
        attn_output = attn_output.reshape(bsz, q_len, self.num_heads * self.head_dim).contiguous()
        return self.o_proj(attn_output)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_norm, self.post_norm = nn.RMSNorm(config.hidden_size), nn.RMSNorm(config.hidden_size)
        self.attn = FusedMistralAttention(config)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x):
        x = x + self.attn(self.input_norm(x))
        return x + self.down(F.silu(self.up(self.post_norm(x))))


def build(config):
    return nn.Sequential(nn.Embedding(config.vocab_size, config.hidden_size),
                         *[Layer(config) for _ in range(config.num_hidden_layers)],
                         nn.RMSNorm(config.hidden_size), nn.Linear(config.hidden_size, config.vocab_size, bias=False))


@torch.no_grad()
def main():
    for name, changes in {"7b": dict(hidden_size=64), "nemo": {}}.items():
        torch.manual_seed(0)
        config = MistralConfig(**{**NEMO, **changes})
        logits = build(config).eval()(torch.arange(14).view(2, 7))
        print(name, "width", config.hidden_size, "logits", tuple(logits.shape), "next", logits[:, -1].argmax(-1).tolist())


if __name__ == "__main__":
    main()
