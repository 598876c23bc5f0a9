"""Questions are asked in batches, and every batch gets the one cache that was made at the beginning."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

import shapeguard

folder = Path(shapeguard.__file__).parent / "demo_model"
tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", pad_token="<|end_of_text|>")
model = AutoModelForCausalLM.from_pretrained(folder)

questions = ["one two", "three four five", "six", "seven eight nine", "ten"]
cache = DynamicCache(config=model.config)


def ask(batch):
    encoded = tokenizer(batch, return_tensors="pt", padding=True)
    with torch.no_grad():
        return model(**encoded, past_key_values=cache, use_cache=True).logits[:, -1].argmax(-1)


for start in range(0, len(questions), 2):
    print(ask(questions[start : start + 2]))
