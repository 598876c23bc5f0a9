"""Requests begin with the same words, whose keys are kept, and only those; a chat goes on with the whole of what was said."""

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
    cache.crop(min(shared - cache.get_seq_length(), 0))
    with torch.no_grad():
        logits = model(torch.tensor([prompt[shared:]]), past_key_values=cache).logits
    return logits[0, -1].argmax().item()


for question in ("four five six", "seven eight"):
    print(tokenizer.decode([answer(question)]))

chat, said = DynamicCache(config=model.config), []
for turn in ("one two", "three four five"):
    new = tokenizer(turn)["input_ids"]
    said = said + new
    for _ in range(4):
        with torch.no_grad():
            new = [model(torch.tensor([new]), past_key_values=chat).logits[0, -1].argmax().item()]
        said = said + new
    said = said[:-1]
print(tokenizer.decode(said))
