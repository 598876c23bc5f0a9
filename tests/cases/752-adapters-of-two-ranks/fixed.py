"""Merge a style adapter and a detail adapter into one file, then patch a model with it."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

TARGETS = ("q_proj", "v_proj")


def base_model():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=64, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64,
    )).eval()


def targets(model):
    return {name: module for name, module in model.named_modules() if name.endswith(TARGETS)}


def download(model, name):
    """Stands in for an adapter file from the hub."""
    seed, rank = {"style": (1, 8), "detail": (2, 4)}[name]
    gen = torch.Generator().manual_seed(seed)
    state = {}
    for key, module in targets(model).items():
        state[f"{key}.lora_up"] = 0.1 * torch.randn(module.out_features, rank, generator=gen)
        state[f"{key}.lora_down"] = 0.1 * torch.randn(rank, module.in_features, generator=gen)
    return state


def join(a, b, weight_a, weight_b, dim):
    return torch.cat([weight_a * a, weight_b * b], dim=dim)


class LoraMerger:
    def __init__(self, strength_a=1.0, strength_b=1.0):
        self.strengths = {"up": (strength_a, strength_b), "down": (1.0, 1.0)}

    def merge(self, lora_a, lora_b):
        merged = {}
        for key, tensor in lora_a.items():
            part = key.rsplit("_", 1)[-1]
            merged[key] = join(tensor, lora_b[key], *self.strengths[part], dim=1 if part == "up" else 0)
        return merged


@torch.no_grad()
def patch(model, lora):
    for key, module in targets(model).items():
        module.weight += lora[f"{key}.lora_up"] @ lora[f"{key}.lora_down"]
    return model


@torch.no_grad()
def probe(model):
    return model(torch.arange(8).unsqueeze(0)).logits[0, -1].norm().item()


def main():
    model = base_model()
    print("base    %.4f" % probe(model))
    style, detail = download(model, "style"), download(model, "detail")
    print("style   %.4f" % probe(patch(base_model(), style)))
    print("detail  %.4f" % probe(patch(base_model(), detail)))
    merged = LoraMerger(strength_a=0.7, strength_b=0.5).merge(style, detail)
    print("merged  %.4f" % probe(patch(base_model(), merged)))


if __name__ == "__main__":
    main()
