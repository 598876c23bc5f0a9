"""Activation memories: prefilled notes are kept as key/value caches and put in front of a question."""
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

NOTES = {
    "diet": [11, 45, 7, 62, 30, 18, 5],
    "travel": [71, 8, 26, 53, 40, 9, 33, 12, 60],
    "work": [14, 92, 27, 6, 50],
}


def make_model():
    torch.manual_seed(4)
    config = LlamaConfig(
        vocab_size=97, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.35,
    )
    return LlamaForCausalLM(config).eval()


class KVMemory:
    def __init__(self, model):
        self.model = model
        self.items = {}

    @torch.no_grad()
    def extract(self, ids):
        cache = DynamicCache(config=self.model.config)
        self.model(torch.tensor([ids]), past_key_values=cache, use_cache=True)
        return cache

    def add(self, name, ids):
        self.items[name] = self.extract(ids)

    def get_cache(self, names):
        caches = [self.items[n] for n in names]
        merged = DynamicCache(config=self.model.config)
        for i in range(len(caches[0].layers)):
            keys = torch.cat([c.layers[i].keys for c in caches], dim=-2)
            values = torch.cat([c.layers[i].values for c in caches], dim=-2)
            merged.update(keys, values, i)
        return merged


@torch.no_grad()
def answer(model, cache, question, max_new_tokens=6):
    tokens, out = torch.tensor([question]), []
    for _ in range(max_new_tokens):
        step = model(tokens, past_key_values=cache, use_cache=True)
        tokens = step.logits[:, -1:].argmax(-1)
        out.append(tokens.item())
    return out


def main():
    model = make_model()
    memory = KVMemory(model)
    for name, ids in NOTES.items():
        memory.add(name, ids)
    for wanted in (["diet"], ["diet", "travel"], ["diet", "travel", "work"]):
        cache = memory.get_cache(wanted)
        print(f"{' + '.join(wanted)}: {cache.get_seq_length()} cached,", "answer", answer(model, cache, [22, 81, 3]))


if __name__ == "__main__":
    main()
