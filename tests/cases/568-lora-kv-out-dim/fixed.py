"""Attach per-request LoRA adapters to the attention projections of small Qwen3 models."""
import torch
from torch import nn
from transformers import Qwen3Config, Qwen3ForCausalLM

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")
MODELS = {
    "qwen3-small": dict(hidden_size=32, num_attention_heads=4, num_key_value_heads=2, head_dim=16),
    "qwen3-base": dict(hidden_size=64, num_attention_heads=8, num_key_value_heads=2, head_dim=16),
}


class LoRALinear(nn.Module):
    def __init__(self, base, dims, rank, alpha):
        super().__init__()
        self.base = base
        self.scaling = alpha / rank
        self.lora_a = nn.Linear(dims[0], rank, bias=False)
        self.lora_b = nn.Linear(rank, dims[1], bias=False)

    def forward(self, x):
        out = self.base(x)
        delta = self.lora_b(self.lora_a(x)) * self.scaling
        return out + delta


class LoRAManager:
    def __init__(self, model, rank=4, alpha=8):
        self.model, self.config = model, model.config
        self.rank, self.alpha = rank, alpha

    def get_hidden_dim(self, name):
        cfg = self.config
        if name == "q_proj":
            return cfg.hidden_size, cfg.head_dim * cfg.num_attention_heads
        if name in ("k_proj", "v_proj"):
            return cfg.hidden_size, cfg.head_dim * cfg.num_key_value_heads
        return cfg.head_dim * cfg.num_attention_heads, cfg.hidden_size

    def attach(self):
        for layer in self.model.model.layers:
            for name in TARGETS:
                base = getattr(layer.self_attn, name)
                wrapped = LoRALinear(base, self.get_hidden_dim(name), self.rank, self.alpha)
                setattr(layer.self_attn, name, wrapped)
        return self.model


def load(name):
    torch.manual_seed(0)
    return Qwen3ForCausalLM(Qwen3Config(
        vocab_size=90, intermediate_size=64, num_hidden_layers=2, max_position_embeddings=64, **MODELS[name]
    )).eval()


@torch.no_grad()
def main():
    requests = torch.randint(0, 90, (2, 9), generator=torch.Generator().manual_seed(1))
    for name in MODELS:
        model = LoRAManager(load(name)).attach()
        logits = model(requests).logits[:, -1]
        print(name, "next tokens", logits.argmax(-1).tolist())


if __name__ == "__main__":
    main()
