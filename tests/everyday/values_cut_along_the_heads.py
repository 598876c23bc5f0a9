import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(
    LlamaConfig(vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4)
)
ids = torch.randint(0, 40, (1, 9))
past = model(ids, use_cache=True).past_key_values
kept = []
for layer in past.layers:
    k = layer.keys[:, :, :6]
    v = layer.values[:, :6, :]
    kept.append((k, v))
model(ids[:, 6:7], past_key_values=DynamicCache(kept))
