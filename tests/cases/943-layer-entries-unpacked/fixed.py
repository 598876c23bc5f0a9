"""A captioning head whose layers look into the keys and values of a frozen language model's prompt."""
import math

import torch
from torch import nn
from transformers import GPT2Config, GPT2Model


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.dense = nn.Linear(width, width)

    def forward(self, hidden, kv_cache=None):
        rows, length, width = hidden.shape
        query, key, value = (
            t.view(rows, length, self.heads, -1).transpose(1, 2) for t in self.qkv(hidden).chunk(3, dim=-1)
        )
        past = 0
        if kv_cache is not None:
            cache_k, cache_v = kv_cache
            past = cache_k.size(2)
            key = torch.cat((cache_k, key), dim=2)
            value = torch.cat((cache_v, value), dim=2)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.size(-1))
        visible = torch.ones(length, past + length, dtype=torch.bool).tril(past)
        context = scores.masked_fill(~visible, float("-inf")).softmax(-1) @ value
        return self.dense(context.transpose(1, 2).reshape(rows, length, width))


class CaptionHead(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.layers = nn.ModuleList(SelfAttention(config.n_embd, config.n_head) for _ in range(config.n_layer))
        self.out = nn.Linear(config.n_embd, config.vocab_size)

    def forward(self, ids, past_key_values):
        hidden = self.embed(ids)
        for layer, kv_cache in zip(self.layers, past_key_values):
            hidden = hidden + layer(hidden, kv_cache)
        return self.out(hidden)


def read_prompt(backbone, prompt):
    with torch.no_grad():
        output = backbone(prompt, use_cache=True)
    return tuple((layer.keys, layer.values) for layer in output.past_key_values.layers)


def main():
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=60, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    backbone, head = GPT2Model(config).eval(), CaptionHead(config)
    opt = torch.optim.Adam(head.parameters(), 1e-2)
    prompt, caption = torch.randint(0, 60, (3, 9)), torch.randint(0, 60, (3, 6))
    past = read_prompt(backbone, prompt)
    print("layers in the cache:", len(past))
    for step in range(3):
        logits = head(caption[:, :-1], past)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), caption[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("step", step, "loss %.4f" % loss.item())


if __name__ == "__main__":
    main()
