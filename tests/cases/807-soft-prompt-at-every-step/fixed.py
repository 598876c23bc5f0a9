"""Prompt tuning: learned vectors take the place of the first embeddings of a frozen GPT-2."""
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

N_TOKENS = 6


class SoftEmbedding(nn.Module):
    def __init__(self, wte, n_tokens):
        super().__init__()
        self.wte = wte
        self.n_tokens = n_tokens
        self.learned_embedding = nn.Parameter(wte.weight[:n_tokens].clone().detach())

    def forward(self, tokens):
        if tokens.size(1) <= self.n_tokens:
            return self.wte(tokens)
        input_embedding = self.wte(tokens[:, self.n_tokens:])
        learned_embedding = self.learned_embedding.repeat(input_embedding.size(0), 1, 1)
        return torch.cat([learned_embedding, input_embedding], 1)


def build():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(
        vocab_size=80, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.2, tie_word_embeddings=False,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    ))
    for p in model.parameters():
        p.requires_grad_(False)
    model.set_input_embeddings(SoftEmbedding(model.get_input_embeddings(), N_TOKENS))
    return model


def with_slots(ids):
    return torch.cat([ids.new_zeros(ids.size(0), N_TOKENS), ids], dim=1)


def tune(model, ids, steps):
    optimizer = torch.optim.Adam([model.transformer.wte.learned_embedding], lr=0.05)
    inputs = with_slots(ids)
    labels = inputs.clone()
    labels[:, :N_TOKENS] = -100
    for step in range(steps):
        loss = model(inputs, labels=labels, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("step", step, "loss %.3f" % loss.item())


def write(model, ids, length):
    inputs = with_slots(ids)
    out = model.generate(inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=length, do_sample=False)
    return out[:, inputs.size(1):]


def main():
    model = build()
    ids = torch.randint(1, 80, (3, 9))
    tune(model, ids, steps=3)
    model.eval()
    for row in write(model, ids[:, :4], length=5).tolist():
        print(row)


main()
