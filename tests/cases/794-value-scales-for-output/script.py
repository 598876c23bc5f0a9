"""Activation-aware scaling of a decoder's linear layers before they are rounded to four bits."""
from collections import defaultdict

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM


def load(kv_heads):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=90, hidden_size=64, intermediate_size=112, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=kv_heads, max_position_embeddings=64,
    )).eval()


class InputStats:
    def __init__(self, model):
        self.mean = defaultdict(float)
        self.handles = [
            module.register_forward_pre_hook(lambda m, args: self.record(m, args[0]))
            for module in model.model.layers.modules() if isinstance(module, nn.Linear)
        ]

    def record(self, module, x):
        self.mean[module] = self.mean[module] + x.detach().abs().flatten(0, -2).mean(0)

    def close(self):
        for handle in self.handles:
            handle.remove()


def scale_groups(layer):
    attn, mlp = layer.self_attn, layer.mlp
    yield layer.input_layernorm, [attn.q_proj, attn.k_proj, attn.v_proj]
    yield attn.v_proj, [attn.o_proj]
    yield layer.post_attention_layernorm, [mlp.gate_proj, mlp.up_proj]
    yield mlp.up_proj, [mlp.down_proj]


def divide_output(module, scales):
    if isinstance(module, nn.Linear):
        module.weight.div_(scales.view(-1, 1))
    else:
        module.weight.div_(scales)


@torch.no_grad()
def smooth(model, stats, alpha=0.5):
    for layer in model.model.layers:
        for previous, linears in scale_groups(layer):
            scales = stats.mean[linears[0]].clamp(min=1e-4) ** alpha
            scales = scales / (scales.max() * scales.min()).sqrt()
            divide_output(previous, scales)
            for linear in linears:
                linear.weight.mul_(scales)


@torch.no_grad()
def run(kv_heads, ids):
    model = load(kv_heads)
    stats = InputStats(model)
    before = model(ids).logits
    stats.close()
    smooth(model, stats)
    drift = (model(ids).logits - before).abs().max().item()
    print(f"kv heads {kv_heads}: largest change of a logit {drift:.5f}")


if __name__ == "__main__":
    calibration = torch.randint(0, 90, (4, 24), generator=torch.Generator().manual_seed(3))
    for kv_heads in (8, 2):
        run(kv_heads, calibration)
