import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=4, n_positions=32))
ids = torch.randint(0, 64, (4, 10))
logits = model(ids).logits
shift_logits = logits[:, :-1, :].contiguous()
shift_labels = ids.contiguous()
loss = nn.functional.cross_entropy(shift_logits.view(-1, shift_logits.size(-1)), shift_labels.view(-1))
