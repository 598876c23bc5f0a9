"""generate() in its lawful forms: left-padded batches, beams, samples, assisted, static cache, prefix, long prompts cut on the left."""

import torch
from tiny_models import llama, tokenizer

model, draft, tok = llama(), llama(seed=1), tokenizer(padding_side="left", truncation_side="left")
batch = tok(
    ["the fox sat", "a moon rise over the hill"], padding=True, return_tensors="pt", return_token_type_ids=False
)
model.generate(**batch, max_new_tokens=4, do_sample=False)
model.generate(**batch, max_new_tokens=4, num_beams=3, num_return_sequences=2, do_sample=False)
model.generate(**batch, max_new_tokens=4, num_return_sequences=2, do_sample=True)
model.generate(**batch, max_new_tokens=4, cache_implementation="static", do_sample=False)
model.generate(batch["input_ids"], max_new_tokens=4, do_sample=False)
one = tok(["the fox sat on"], return_tensors="pt", return_token_type_ids=False)
model.generate(**one, assistant_model=draft, max_new_tokens=6, do_sample=False)
cut = tok(
    ["the fox sat on the mat and saw"], truncation=True, max_length=5, return_tensors="pt", return_token_type_ids=False
)
model.generate(**cut, max_new_tokens=3, do_sample=False)
first = model.generate(**one, max_new_tokens=3, do_sample=False, return_dict_in_generate=True)
longer = torch.cat([first.sequences, torch.tensor([[5, 6]])], dim=1)
model.generate(
    longer,
    attention_mask=torch.ones_like(longer),
    past_key_values=first.past_key_values,
    max_new_tokens=3,
    do_sample=False,
)
