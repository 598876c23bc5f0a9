"""The next turn, as the chat template gives it, is joined to the ids so far: it is a dictionary and no tensor."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import shapeguard

folder = Path(shapeguard.__file__).parent / "demo_model"
tokenizer = AutoTokenizer.from_pretrained(folder)
tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
model = AutoModelForCausalLM.from_pretrained(folder)

history = torch.empty(1, 0, dtype=torch.long)
for question in ("one two", "three"):
    turn = tokenizer.apply_chat_template([{"role": "user", "content": question}], return_tensors="pt")
    history = torch.cat([history, turn], dim=-1)
    history = model.generate(history, max_new_tokens=3, do_sample=False)
print(tokenizer.decode(history[0]))
