"""Keep the keys and values of served prompts in a paged host pool and bring them back on a prefix hit."""
from dataclasses import dataclass

import torch
from transformers import DynamicCache, Gemma4ForCausalLM, Gemma4TextConfig

LOCAL, GLOBAL = "sliding_attention", "full_attention"


@dataclass
class KVLayout:
    num_layers: int
    num_kv_heads: int
    head_dims: list

    @classmethod
    def from_config(cls, config):
        return cls(config.num_hidden_layers, config.num_key_value_heads, [c.head_dim for c in config.per_layer_config])


class HostPool:
    def __init__(self, config, blocks=16, block_size=4):
        self.config, layout = config, KVLayout.from_config(config)
        self.block_size, self.free, self.index = block_size, list(range(blocks)), {}
        self.planes = [
            torch.zeros(2, blocks, block_size, layout.num_kv_heads, head_dim) for head_dim in layout.head_dims
        ]

    def put(self, tokens, cache):
        usable = len(tokens) // self.block_size * self.block_size
        slots = [self.free.pop(0) for _ in range(usable // self.block_size)]
        for plane, layer in zip(self.planes, cache.layers):
            for side, states in enumerate((layer.keys, layer.values)):
                paged = states[0, :, :usable].transpose(0, 1).unflatten(0, (-1, self.block_size))
                plane[side, slots] = paged
        self.index[tuple(tokens[:usable])] = slots

    def lookup(self, tokens):
        hits = [key for key in self.index if tuple(tokens[:len(key)]) == key and len(key) < len(tokens)]
        if not hits:
            return 0, None
        best = max(hits, key=len)
        slots = self.index[best]
        pairs = [tuple(plane[side, slots].flatten(0, 1).transpose(0, 1)[None] for side in (0, 1)) for plane in self.planes]
        return len(best), DynamicCache(pairs, config=self.config)


class Engine:
    def __init__(self, model):
        self.model = model
        self.pool = HostPool(model.config)

    @torch.no_grad()
    def serve(self, tokens, steps=3):
        done, cache = self.pool.lookup(tokens)
        feed, answer = torch.tensor([tokens[done:]]), []
        for step in range(steps):
            out = self.model(feed, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            if step == 0:
                self.pool.put(tokens, cache)
            feed = out.logits[:, -1].argmax(-1, keepdim=True)
            answer.append(feed.item())
        return done, answer


def load_model():
    torch.manual_seed(0)
    return Gemma4ForCausalLM(Gemma4TextConfig(
        vocab_size=80, vocab_size_per_layer_input=80, hidden_size=32, hidden_size_per_layer_input=8,
        intermediate_size=64, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        global_head_dim=16, layer_types=[LOCAL, GLOBAL, LOCAL, GLOBAL], sliding_window=64, num_kv_shared_layers=0,
    )).eval()


def main():
    engine = Engine(load_model())
    system = [7, 21, 33, 4, 60, 18, 2, 9]
    for question in ([41, 5, 5], [16, 70, 8, 3]):
        reused, answer = engine.serve(system + question)
        print(f"prompt {len(system + question)} reused {reused} answer {answer}")


if __name__ == "__main__":
    main()
