"""The chat template's result is cut like a tensor of ids: from transformers 5 on it is everything the tokenizer made."""

from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

import shapeguard

folder = Path(shapeguard.__file__).parent / "demo_model"
tokenizer = AutoTokenizer.from_pretrained(folder)
tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
model = AutoModelForCausalLM.from_pretrained(folder)


def answer(question):
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": question}], return_tensors="pt")
    length = prompt.shape[1]
    return model.generate(prompt, max_new_tokens=4, do_sample=False)[:, length:]


print(tokenizer.decode(answer("one two three")[0]))
