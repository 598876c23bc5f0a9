"""Batches whose shorter row is one token short, with a mask and no pad token told to the model."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=120,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=2,
)
model = LlamaForCausalLM(config).eval()
ids = torch.tensor([[2, 14, 83, 84], [5, 78, 90, 69], [2, 33, 12, 40]])
mask = (ids != 2).long()
print(model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=3, do_sample=False, pad_token_id=None).shape)
