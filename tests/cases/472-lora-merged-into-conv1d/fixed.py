"""Load a base model and merge a low-rank adapter into its weights before serving."""
import re
from dataclasses import dataclass, field

import torch
from transformers import GPT2Config, GPT2LMHeadModel, OPTConfig, OPTForCausalLM
from transformers.pytorch_utils import Conv1D


@dataclass
class AdapterConfig:
    r: int = 4
    lora_alpha: int = 8
    target_modules: list = field(default_factory=list)

    @property
    def scaling(self):
        return self.lora_alpha / self.r


def opt_base():
    return OPTForCausalLM(OPTConfig(
        vocab_size=80, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=32,
        max_position_embeddings=64,
    ))


def gpt2_base():
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=80, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=2, eos_token_id=2,
    ))


BASES = {
    "opt": (opt_base, AdapterConfig(target_modules=["q_proj", "v_proj"])),
    "gpt2": (gpt2_base, AdapterConfig(target_modules=["c_attn"])),
}


def adapter_weights(model, config):
    """What training leaves on disk: lora_A (r, in) and lora_B (out, r) for each target."""
    weights = {}
    for name, module in model.named_modules():
        if name.split(".")[-1] in config.target_modules:
            fan_in = getattr(module, "in_features", None) or module.nx
            fan_out = getattr(module, "out_features", None) or module.nf
            weights[f"base_model.model.{name}.lora_A.weight"] = torch.randn(config.r, fan_in) * 0.02
            weights[f"base_model.model.{name}.lora_B.weight"] = torch.randn(fan_out, config.r) * 0.02
    return weights


def compute_delta(lora_a, lora_b, scaling):
    return (lora_b @ lora_a) * scaling


@torch.no_grad()
def merge_adapter(model, weights, config):
    merged = 0
    for key in [k for k in weights if k.endswith("lora_A.weight")]:
        path = re.match(r"base_model\.model\.(.+)\.lora_A\.weight", key).group(1)
        module = model.get_submodule(path)
        delta = compute_delta(weights[key], weights[key.replace("lora_A", "lora_B")], config.scaling)
        if isinstance(module, Conv1D):
            delta = delta.T
        module.weight.add_(delta.to(module.weight.dtype))
        merged += 1
    return merged


if __name__ == "__main__":
    for name, (build, config) in BASES.items():
        torch.manual_seed(0)
        model = build().eval()
        count = merge_adapter(model, adapter_weights(model, config), config)
        logits = model(torch.arange(6)[None]).logits
        print(f"{name}: merged {count} modules, logits {tuple(logits.shape)}")
