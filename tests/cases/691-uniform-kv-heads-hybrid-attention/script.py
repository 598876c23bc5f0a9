"""Run a hybrid-attention decoder the way an exported graph is run: past in, present out."""
import torch
from transformers import DynamicCache, Gemma4ForCausalLM, Gemma4TextConfig


def small_gemma(global_kv_heads):
    torch.manual_seed(0)
    return Gemma4ForCausalLM(Gemma4TextConfig(
        vocab_size=90, hidden_size=64, intermediate_size=96, num_hidden_layers=6, num_attention_heads=8,
        num_key_value_heads=4, head_dim=8, global_head_dim=16, num_global_key_value_heads=global_kv_heads,
        attention_k_eq_v=True, sliding_window=16, max_position_embeddings=128,
        vocab_size_per_layer_input=90, hidden_size_per_layer_input=8,
    )).eval()


class KeyValueCache:
    def __init__(self, config, batch_size):
        self.layer_shapes = []
        kv_heads = config.per_layer_config[0].num_key_value_heads
        for i in range(config.num_hidden_layers):
            head_dim = config.per_layer_config[i].head_dim
            self.layer_shapes.append((batch_size, kv_heads, 0, head_dim))
        self.pasts = [(torch.empty(shape), torch.empty(shape)) for shape in self.layer_shapes]

    def feed(self):
        return DynamicCache(self.pasts)

    def update(self, presents):
        self.pasts = [(layer.keys, layer.values) for layer in presents.layers]

    @property
    def length(self):
        return self.pasts[0][0].size(2)


class Generator:
    def __init__(self, model, batch_size):
        self.model = model
        self.cache = KeyValueCache(model.config, batch_size)

    @torch.no_grad()
    def run(self, ids):
        mask = torch.ones(ids.size(0), self.cache.length + ids.size(1), dtype=torch.long)
        out = self.model(ids, attention_mask=mask, past_key_values=self.cache.feed(), use_cache=True)
        self.cache.update(out.past_key_values)
        return out.logits[:, -1].argmax(-1, keepdim=True)

    def generate(self, prompt, steps):
        tokens = [self.run(prompt)]
        while len(tokens) < steps:
            tokens.append(self.run(tokens[-1]))
        return torch.cat(tokens, dim=1)


if __name__ == "__main__":
    prompt = torch.tensor([[2, 14, 33, 71, 8], [2, 50, 6, 6, 19]])
    for name, kv_heads in [("e4b style", 4), ("12b style", 1)]:
        generator = Generator(small_gemma(kv_heads), batch_size=len(prompt))
        print(name, generator.generate(prompt, steps=6).tolist())
