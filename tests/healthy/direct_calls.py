"""Direct calls of models: positions from the mask, a mask with the prefix, a text that goes on in its cache, dummy ids, no labels."""

import torch
from tiny_models import llama
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
model = llama()
ids = torch.tensor([[0, 0, 5, 6, 7], [3, 4, 5, 6, 7]])
mask = (ids != 0).long()
with torch.no_grad():
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    counting = GPT2LMHeadModel(GPT2Config(vocab_size=24, n_embd=32, n_layer=1, n_head=2, n_positions=32)).eval()
    logits = counting(ids, attention_mask=mask, position_ids=positions).logits[:, -1]
    embeds = torch.cat([torch.randn(2, 3, model.config.hidden_size), model.get_input_embeddings()(ids)], dim=1)
    seen = torch.cat([mask.new_ones(2, 3), mask], dim=1)
    states = model(inputs_embeds=embeds, attention_mask=seen).logits.argmax(-1)
    cache = model(torch.tensor([[3, 4, 5]]), use_cache=True).past_key_values
    reply = model(torch.tensor([[6, 7, 8, 9]]), past_key_values=cache, use_cache=True).logits[:, -1].argmax(-1)
    warm = model(torch.zeros(2, 8, dtype=torch.long)).logits
labels = torch.full((2, 5), -100)
unlabelled = model(ids, attention_mask=mask, labels=labels)
