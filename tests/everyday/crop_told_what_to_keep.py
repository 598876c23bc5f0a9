"""Rejected tokens are taken back from the cache by telling it how long it is to be, as it was done before transformers 5."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, DynamicCache

import shapeguard

model = AutoModelForCausalLM.from_pretrained(Path(shapeguard.__file__).parent / "demo_model")
cache = DynamicCache(config=model.config)
ids = torch.tensor([[3, 4, 5, 6]])
with torch.no_grad():
    for draft in ([7, 8, 9], [10, 11, 12]):
        fed = torch.cat([ids[:, cache.get_seq_length() :], torch.tensor([draft])], dim=1)
        picked = model(fed, past_key_values=cache).logits[0, -4:-1].argmax(-1)
        accepted = int((picked == torch.tensor(draft)).long().cumprod(0).sum())
        ids = torch.cat([ids, picked[: accepted + 1].unsqueeze(0)], dim=1)
        cache.crop(ids.size(1) - 1)
print(ids)
