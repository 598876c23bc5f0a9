"""Serving with a pool of prefilled instructions; requests of one batch may use different ones."""
from dataclasses import dataclass

import torch
from transformers import DynamicCache, GPTNeoXConfig, GPTNeoXForCausalLM


@dataclass
class Entry:
    keys: list
    values: list


class InstructionPool:
    def __init__(self, model):
        self.model = model
        self.entries = {}

    @torch.no_grad()
    def prefill(self, name, ids):
        past = self.model(torch.tensor([ids]), use_cache=True).past_key_values
        self.entries[name] = Entry(
            keys=[layer.keys.transpose(2, 3).contiguous() for layer in past.layers],
            values=[layer.values.contiguous() for layer in past.layers],
        )

    def memory(self):
        return sum(t.numel() for e in self.entries.values() for t in e.keys + e.values)

    def concatenate(self, names):
        picked = [self.entries[name] for name in names]
        pairs = []
        for i in range(self.model.config.num_hidden_layers):
            keys = torch.cat([e.keys[i] for e in picked], dim=0)
            values = torch.cat([e.values[i] for e in picked], dim=0)
            pairs.append((keys, values))
        return DynamicCache(pairs)


class CausalLMBatch:
    def __init__(self, model, pool):
        self.model, self.pool = model, pool

    @torch.no_grad()
    def generate(self, requests, steps):
        past = self.pool.concatenate([name for name, _ in requests])
        tokens = torch.tensor([ids for _, ids in requests])
        rows = []
        for _ in range(steps):
            logits = self.model(tokens, past_key_values=past).logits
            tokens = logits[:, -1].argmax(dim=-1, keepdim=True)
            rows.append(tokens)
        return torch.cat(rows, dim=1)


torch.manual_seed(0)
model = GPTNeoXForCausalLM(GPTNeoXConfig(
    vocab_size=70, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=128, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
)).eval()
pool = InstructionPool(model)
pool.prefill("formal", [4, 19, 33, 7, 58, 21, 12])
pool.prefill("pirate", [4, 61, 30, 30, 8, 45, 12])
print("pooled values:", pool.memory())
batch = [("formal", [9, 14, 27]), ("pirate", [9, 14, 27]), ("pirate", [50, 2, 66])]
for (name, ids), row in zip(batch, CausalLMBatch(model, pool).generate(batch, steps=5).tolist()):
    print(f"{name:<7} {ids} -> {row}")
