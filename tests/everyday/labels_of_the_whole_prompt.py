import torch
from transformers import GPT2Config, GPT2LMHeadModel

model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2, n_positions=64))


def build(prompt, answer, limit):
    ids = (prompt + answer)[:limit]
    labels = [-100] * len(prompt) + answer
    return ids, labels


rows = [build([1, 2, 3, 4], [5, 6, 7], 6)]
ids = torch.tensor([r[0] for r in rows])
labels = torch.tensor([r[1] for r in rows])
print(model(input_ids=ids, labels=labels).loss)
