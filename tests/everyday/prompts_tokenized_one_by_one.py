"""Prompts of unequal length are tokenized in a loop and joined as if they were rows."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import shapeguard

folder = Path(shapeguard.__file__).parent / "demo_model"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)

prompts = ["Hello there", "The quick brown fox jumps over the lazy dog"]
rows = []
for prompt in prompts:
    rows.append(tokenizer(prompt, return_tensors="pt").input_ids)
batch = torch.cat(rows, dim=0)
print(tokenizer.batch_decode(model.generate(batch, max_new_tokens=5)))
