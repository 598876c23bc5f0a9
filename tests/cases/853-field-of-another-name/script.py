"""Prefill on one worker, keep keys and values in a pool of slots, decode from the pool on another."""
import torch
from transformers import DynamicCache, FalconConfig, FalconForCausalLM, LlamaConfig, LlamaForCausalLM

SLOTS = 32


def total_kv_heads(config):
    return getattr(config, "num_key_value_heads", config.num_attention_heads)


class SlotPool:
    """Holds the states of one request, layer by layer."""

    def __init__(self, config):
        heads = total_kv_heads(config)
        head_dim = config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, heads, SLOTS, head_dim)
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        self.used = 0

    def write(self, cache):
        end = self.used + cache.get_seq_length()
        for i, layer in enumerate(cache.layers):
            self.keys[i, :, self.used:end] = layer.keys[0]
            self.values[i, :, self.used:end] = layer.values[0]
        self.used = end

    def read(self):
        keys, values = self.keys[:, None, :, :self.used], self.values[:, None, :, :self.used]
        return DynamicCache(zip(keys, values))


@torch.no_grad()
def prefill(model, ids, pool):
    out = model(ids, use_cache=True)
    pool.write(out.past_key_values)
    return out.logits[:, -1:].argmax(-1)


@torch.no_grad()
def decode(model, token, pool, steps):
    cache, produced = pool.read(), []
    for _ in range(steps):
        produced.append(token.item())
        token = model(token, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)
    return produced


def build_models():
    common = dict(vocab_size=70, hidden_size=64, num_hidden_layers=2, num_attention_heads=8, initializer_range=0.2)
    llama = LlamaConfig(num_key_value_heads=2, intermediate_size=96, max_position_embeddings=64, **common)
    falcon = FalconConfig(bos_token_id=0, eos_token_id=1, **common)
    torch.manual_seed(0)
    return LlamaForCausalLM(llama).eval(), FalconForCausalLM(falcon).eval()


def main():
    for model in build_models():
        ids = torch.arange(2, 11)[None]
        pool = SlotPool(model.config)
        token = prefill(model, ids, pool)
        print(f"{model.config.model_type:7}", decode(model, token, pool, steps=5))


if __name__ == "__main__":
    main()
