"""Streaming generation loop shared by the model families of a chat server."""
import math

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def project(self, x):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, self.head_dim).unbind(2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def mix(self, q, k, v, mask):
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)
        y = scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v
        return self.out(y.transpose(1, 2).flatten(2))


class LlamaBlock(Block):
    def forward(self, x, mask, past=None):
        q, k, v = self.project(x)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        return x + self.mix(q, k, v, mask), (k, v)


class BloomBlock(Block):
    def forward(self, x, mask, past=None):
        b = x.size(0)
        q, k, v = self.project(x)
        k, v = k.flatten(0, 1).transpose(1, 2), v.flatten(0, 1)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 1)
        keys = k.unflatten(0, (b, self.heads)).transpose(-2, -1)
        return x + self.mix(q, keys, v.unflatten(0, (b, self.heads)), mask), (k, v)


class CausalLM(nn.Module):
    def __init__(self, block, vocab=60, width=32, heads=4, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.blocks = nn.ModuleList(block(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, vocab, bias=False)

    def forward(self, input_ids, attention_mask=None, past_key_values=None):
        rows, new = input_ids.shape
        if attention_mask is None:
            attention_mask = torch.ones(rows, new)
        causal = torch.ones(new, attention_mask.size(1), dtype=torch.bool).tril(attention_mask.size(1) - new)
        mask = causal & attention_mask[:, None, None, :].bool()
        x, presents = self.embed(input_ids), []
        for i, block in enumerate(self.blocks):
            x, present = block(x, mask, None if past_key_values is None else past_key_values[i])
            presents.append(present)
        return self.head(x), presents


@torch.inference_mode()
def generate_stream(model, input_ids, max_new_tokens=6, stop=0):
    past_key_values, token = None, None
    for i in range(max_new_tokens):
        if i == 0:
            logits, past_key_values = model(torch.tensor([input_ids]))
        else:
            attention_mask = torch.ones(1, past_key_values[0][0].shape[-2] + 1)
            logits, past_key_values = model(
                torch.tensor([[token]]), attention_mask=attention_mask, past_key_values=past_key_values
            )
        token = int(logits[0, -1].argmax())
        yield token
        if token == stop:
            break


def serve(prompt):
    for name, block in {"llama": LlamaBlock, "bloom": BloomBlock}.items():
        torch.manual_seed(1)
        model = CausalLM(block).eval()
        print(name, list(generate_stream(model, prompt)))


if __name__ == "__main__":
    serve([17, 4, 52, 31, 9, 9, 40, 23, 8, 11, 36])
