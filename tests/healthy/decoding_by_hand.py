"""Decoding loops by hand: a cache with its mask, finished rows dropped on both sides, prefill in chunks, beams reordered."""

import torch
from tiny_models import llama, tokenizer
from transformers import DynamicCache

model, tok = llama(), tokenizer(padding_side="left")
batch = tok(
    ["the fox sat", "a moon rise over the hill", "on the mat"],
    padding=True,
    return_tensors="pt",
    return_token_type_ids=False,
)
with torch.no_grad():
    mask, cache = batch["attention_mask"], DynamicCache()
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model(batch["input_ids"], attention_mask=mask, position_ids=positions, past_key_values=cache)
    for step in range(4):
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        if step == 2:
            keep = torch.tensor([0, 2])
            token, mask = token[keep], mask[keep]
            cache.batch_select_indices(keep)
        mask = torch.cat([mask, torch.ones_like(token)], dim=1)
        out = model(token, attention_mask=mask, position_ids=mask.sum(1, keepdim=True) - 1, past_key_values=cache)

    ids, cache = torch.randint(4, 20, (1, 12)), DynamicCache()
    for chunk in ids.split(5, dim=1):
        out = model(chunk, past_key_values=cache)

    beams, cache = torch.tensor([[5, 6, 7]]).repeat(3, 1), DynamicCache()
    scores = model(beams, past_key_values=cache).logits[:, -1].log_softmax(-1)
    best, flat = scores.flatten().topk(3)
    origin, token = flat // scores.size(1), flat % scores.size(1)
    cache.reorder_cache(origin)
    out = model(token[:, None], past_key_values=cache)
