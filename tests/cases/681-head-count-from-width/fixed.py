"""Convert a Mistral-style checkpoint to the layout of a small inference engine and compare the logits."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from transformers import MistralConfig, MistralForCausalLM


@dataclass
class EngineConfig:
    head_num: int
    kv_head_num: int
    size_per_head: int
    rope_theta: float = 10000.0
    norm_eps: float = 1e-6


def reference_model():
    torch.manual_seed(0)
    return MistralForCausalLM(MistralConfig(
        vocab_size=70, hidden_size=80, intermediate_size=120, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, initializer_range=0.2, sliding_window=None, max_position_embeddings=64,
    )).eval()


def engine_config(cfg):
    return EngineConfig(
        head_num=cfg.num_attention_heads, kv_head_num=cfg.num_key_value_heads, size_per_head=cfg.head_dim,
    )


class Engine:
    def __init__(self, model):
        self.cfg = engine_config(model.config)
        self.weights = {name: p.detach() for name, p in model.named_parameters()}
        self.depth = model.config.num_hidden_layers

    def norm(self, x, name):
        return x * (x.pow(2).mean(-1, keepdim=True) + self.cfg.norm_eps).rsqrt() * self.weights[name + ".weight"]

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].t()

    def rotate(self, x):
        half = self.cfg.size_per_head // 2
        freq = self.cfg.rope_theta ** (-torch.arange(half) / half)
        angle = torch.arange(x.size(2))[:, None] * freq
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], dim=-1)

    def heads(self, x, count):
        return x.view(x.size(0), x.size(1), count, self.cfg.size_per_head).transpose(1, 2)

    def attention(self, x, name):
        q = self.heads(self.linear(x, name + ".q_proj"), self.cfg.head_num)
        k = self.heads(self.linear(x, name + ".k_proj"), self.cfg.kv_head_num)
        v = self.heads(self.linear(x, name + ".v_proj"), self.cfg.kv_head_num)
        out = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True, enable_gqa=True)
        return self.linear(out.transpose(1, 2).flatten(2), name + ".o_proj")

    def __call__(self, ids):
        x = self.weights["model.embed_tokens.weight"][ids]
        for i in range(self.depth):
            layer = f"model.layers.{i}"
            x = x + self.attention(self.norm(x, layer + ".input_layernorm"), layer + ".self_attn")
            h = self.norm(x, layer + ".post_attention_layernorm")
            gate, up = (self.linear(h, f"{layer}.mlp.{part}_proj") for part in ("gate", "up"))
            x = x + self.linear(F.silu(gate) * up, layer + ".mlp.down_proj")
        return self.linear(self.norm(x, "model.norm"), "lm_head")


if __name__ == "__main__":
    model = reference_model()
    engine = Engine(model)
    print("tensors", len(engine.weights), "layers", engine.depth)
    ids = torch.randint(0, 70, (2, 9))
    with torch.no_grad():
        gap = (engine(ids) - model(ids).logits).abs().max()
    print("largest difference %.4f" % gap.item())
