import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel


def build(vocab, layers):
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocab, n_embd=32, n_layer=layers, n_head=4, n_positions=64))


teacher = build(100, 4).eval()
student = build(96, 2)
ids = torch.randint(0, 96, (2, 12))
with torch.no_grad():
    t = teacher(ids).logits
s = student(ids).logits
loss = F.kl_div(F.log_softmax(s / 2, -1), F.softmax(t / 2, -1), reduction="batchmean")
loss.backward()
