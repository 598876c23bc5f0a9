"""Requests begin with the same words, whose keys are kept; what the cache holds behind them is left of the request before."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

import shapeguard

folder = Path(shapeguard.__file__).parent / "demo_model"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
cache, known = DynamicCache(config=model.config), []


def answer(question):
    global known
    prompt = tokenizer("one two three " + question)["input_ids"]
    shared = 0
    while shared < min(len(known), len(prompt) - 1) and known[shared] == prompt[shared]:
        shared += 1
    known = prompt
    with torch.no_grad():
        logits = model(torch.tensor([prompt[shared:]]), past_key_values=cache).logits
    return logits[0, -1].argmax().item()


for question in ("four five six", "seven eight"):
    print(tokenizer.decode([answer(question)]))
