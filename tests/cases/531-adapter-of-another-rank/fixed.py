"""Train a low-rank adapter, then merge it into the base model for serving."""
import argparse
import os
import tempfile

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

TARGETS = ("q_proj", "v_proj")


class LoraLinear(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base = base
        self.lora_A = nn.Linear(base.in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)
        self.scaling = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scaling * self.lora_B(self.lora_A(x))

    def merged(self):
        self.base.weight.data += self.scaling * self.lora_B.weight.data @ self.lora_A.weight.data
        return self.base


def base_model():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64,
    )).requires_grad_(False)


def inject(model, rank, alpha):
    for layer in model.model.layers:
        for name in TARGETS:
            setattr(layer.self_attn, name, LoraLinear(getattr(layer.self_attn, name), rank, alpha))
    return model


def finetune(args, path):
    model = inject(base_model(), args.lora_rank, args.lora_alpha)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    ids = torch.randint(0, 64, (4, 12))
    for _ in range(5):
        loss = model(ids, labels=ids).loss
        loss.backward()
        optimizer.step(); optimizer.zero_grad()
    torch.save({k: v for k, v in model.state_dict().items() if "lora_" in k}, path)
    print(f"adapter of {len(torch.load(path))} tensors, loss {loss.item():.3f}")


def merge(path, lora_rank=16, lora_alpha=32):
    model = inject(base_model(), lora_rank, lora_alpha)
    model.load_state_dict(torch.load(path), strict=False)
    for layer in model.model.layers:
        for name in TARGETS:
            setattr(layer.self_attn, name, getattr(layer.self_attn, name).merged())
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lora_rank", type=int, default=8)
    parser.add_argument("--lora_alpha", type=int, default=32)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "adapter.pt")
        finetune(args, path)
        model = merge(path, args.lora_rank, args.lora_alpha)
    print("merged weights", sum(p.numel() for p in model.parameters()))
