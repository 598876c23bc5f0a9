"""The tokenizer's result is given to the model as it is, without the stars that would hand on its tensors."""

from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

import shapeguard

folder = Path(shapeguard.__file__).parent / "demo_model"
tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", pad_token="<|end_of_text|>")
model = AutoModelForCausalLM.from_pretrained(folder)

for texts in (["one two", "three four five"], ["six", "seven"]):
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    print(model(batch).logits[:, -1].argmax(-1))
