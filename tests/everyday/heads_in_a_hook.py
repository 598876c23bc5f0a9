import torch
from transformers import LlamaConfig, LlamaForCausalLM

cfg = LlamaConfig(
    vocab_size=64,
    hidden_size=48,
    intermediate_size=64,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
)
model = LlamaForCausalLM(cfg).eval()
captured = []
layer = model.model.layers[0].self_attn


def hook(module, args, output):
    b, t, _ = output.shape
    head_dim = cfg.hidden_size // cfg.num_attention_heads
    captured.append(output.view(b, t, cfg.num_attention_heads, head_dim))


layer.q_proj.register_forward_hook(hook)
model(torch.randint(0, 64, (2, 5)))
print(captured[0].shape)
