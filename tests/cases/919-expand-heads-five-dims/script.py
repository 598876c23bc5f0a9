"""A port of a compact Llama implementation: one class per layer, weights drawn at random."""
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Config:
    hidden_size: int = 64
    intermediate_size: int = 128
    vocab_size: int = 90
    num_hidden_layers: int = 2
    num_attention_heads: int = 8
    num_key_value_heads: int = 8


class CausalSelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.head_dim = cfg.hidden_size // cfg.num_attention_heads
        self.q_proj = nn.Linear(cfg.hidden_size, cfg.num_attention_heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(cfg.hidden_size, cfg.num_key_value_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(cfg.hidden_size, cfg.num_key_value_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(cfg.num_attention_heads * self.head_dim, cfg.hidden_size, bias=False)

    def repeat_kv(self, x):
        n_rep = self.cfg.num_attention_heads // self.cfg.num_key_value_heads
        if n_rep == 1:
            return x
        b_sz, n_kv_head, seq_len, head_dim = x.shape
        x = x.unsqueeze(2).expand(b_sz, n_kv_head, n_rep, seq_len, head_dim)
        return x.reshape(b_sz, n_kv_head, n_rep, seq_len, head_dim)

    def forward(self, x):
        b_sz, seq_len, _ = x.shape
        q = self.q_proj(x).view(b_sz, seq_len, -1, self.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(b_sz, seq_len, -1, self.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(b_sz, seq_len, -1, self.head_dim).transpose(1, 2)
        k, v = self.repeat_kv(k), self.repeat_kv(v)
        att = q @ k.transpose(-1, -2) / self.head_dim ** 0.5
        hidden = torch.ones(seq_len, seq_len, dtype=torch.bool).triu(1)
        y = att.masked_fill(hidden, float("-inf")).softmax(-1) @ v
        return self.o_proj(y.transpose(1, 2).reshape(b_sz, seq_len, -1))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.rms_1, self.rms_2 = nn.RMSNorm(cfg.hidden_size), nn.RMSNorm(cfg.hidden_size)
        self.attn = CausalSelfAttention(cfg)
        self.up, self.gate = (nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False) for _ in range(2))
        self.down = nn.Linear(cfg.intermediate_size, cfg.hidden_size, bias=False)

    def forward(self, x):
        x = x + self.attn(self.rms_1(x))
        h = self.rms_2(x)
        return x + self.down(nn.functional.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.wte = nn.Embedding(cfg.vocab_size, cfg.hidden_size)
        self.blocks = nn.Sequential(*(Block(cfg) for _ in range(cfg.num_hidden_layers)))
        self.lm_head = nn.Linear(cfg.hidden_size, cfg.vocab_size, bias=False)

    def forward(self, ids):
        return self.lm_head(self.blocks(self.wte(ids)))


if __name__ == "__main__":
    prompt = torch.tensor([[1, 15, 43, 8, 77, 20]])
    for name, cfg in (("7b-like", Config()), ("70b-like", Config(num_key_value_heads=2))):
        torch.manual_seed(0)
        with torch.no_grad():
            print(name, Llama(cfg)(prompt)[0, -1].topk(3).indices.tolist())
