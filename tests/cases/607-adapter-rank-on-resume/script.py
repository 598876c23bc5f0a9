"""Low-rank finetuning of a frozen language model; a later run can continue from a saved adapter."""
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM


@dataclass
class FinetuneArgs:
    steps: int = 3
    learning_rate: float = 3e-3
    lora_r: int = 8
    lora_alpha: int = 16
    lora_target_modules: tuple = ("q_proj", "v_proj")


class LoraLinear(nn.Module):
    def __init__(self, base, r, alpha):
        super().__init__()
        self.base = base
        self.lora_A = nn.Linear(base.in_features, r, bias=False)
        self.lora_B = nn.Linear(r, base.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)
        self.scaling = alpha / r

    def forward(self, x):
        return self.base(x) + self.lora_B(self.lora_A(x)) * self.scaling


def load_base():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=80, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64,
    ))


def add_adapter(model, args):
    model.requires_grad_(False)
    for layer in model.model.layers:
        for name in args.lora_target_modules:
            base = getattr(layer.self_attn, name)
            setattr(layer.self_attn, name, LoraLinear(base, args.lora_r, args.lora_alpha))
    return model


def save_adapter(model, args, folder):
    state = {name: p for name, p in model.state_dict().items() if "lora_" in name}
    torch.save(state, folder / "adapter_model.bin")
    settings = {"r": args.lora_r, "lora_alpha": args.lora_alpha, "target_modules": list(args.lora_target_modules)}
    (folder / "adapter_config.json").write_text(json.dumps(settings))


def finetune(name, data, args, output_dir, continue_from=None):
    output_dir.mkdir(parents=True, exist_ok=True)
    model = add_adapter(load_base(), args)
    if continue_from is not None:
        weights = torch.load(continue_from / "adapter_model.bin")
        model.load_state_dict(weights, strict=False)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=args.learning_rate)
    for step in range(args.steps):
        loss = model(data, labels=data).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{name}: {sum(p.numel() for p in trainable)} trainable parameters, loss {loss.item():.4f}")
    save_adapter(model, args, output_dir)


def main():
    generator = torch.Generator().manual_seed(1)
    alpaca = torch.randint(0, 80, (4, 20), generator=generator)
    dialogues = torch.randint(0, 80, (4, 24), generator=generator)
    with tempfile.TemporaryDirectory() as root:
        runs = Path(root)
        first = FinetuneArgs(lora_r=16, lora_alpha=32)
        finetune("alpaca", alpaca, first, runs / "alpaca")
        second = FinetuneArgs(steps=2, learning_rate=1e-3)
        finetune("dialogues", dialogues, second, runs / "dialogues", continue_from=runs / "alpaca")


if __name__ == "__main__":
    main()
