"""Prefill requests one by one, then decode them together."""
import torch
import torch.nn.functional as F
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM


def load_model():
    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=90, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.4,
    )).eval()


def join(parts):
    width = max(part.size(2) for part in parts)
    return torch.cat([F.pad(part, (0, 0, width - part.size(2), 0)) for part in parts], dim=0)


def merge(caches):
    layers = []
    for same_layer in zip(*(cache.layers for cache in caches)):
        keys = join([layer.keys for layer in same_layer])
        values = join([layer.values for layer in same_layer])
        layers.append((keys, values))
    return DynamicCache(layers)


class BatchGenerator:
    def __init__(self, model):
        self.model = model

    def prefill(self, prompt):
        out = self.model(torch.tensor([prompt]), use_cache=True)
        return out.past_key_values, out.logits[:, -1].argmax(-1, keepdim=True)

    @torch.no_grad()
    def run(self, prompts, steps):
        caches, tokens = zip(*(self.prefill(p) for p in prompts))
        lengths = torch.tensor([len(p) for p in prompts])
        width = int(lengths.max())
        mask = (torch.arange(width) >= (width - lengths).unsqueeze(1)).long()
        cache, tokens = merge(caches), torch.cat(tokens)
        produced = [tokens]
        for _ in range(steps - 1):
            mask = F.pad(mask, (0, 1), value=1)
            positions = mask.sum(1, keepdim=True) - 1
            logits = self.model(
                produced[-1], past_key_values=cache, attention_mask=mask, position_ids=positions
            ).logits
            produced.append(logits[:, -1].argmax(-1, keepdim=True))
        return torch.cat(produced, dim=1).tolist()


if __name__ == "__main__":
    generator = BatchGenerator(load_model())
    rounds = [
        [[4, 19, 33, 7], [60, 2, 2, 81]],
        [[12, 40, 40, 9, 71], [5, 66, 23, 23, 8, 30, 14, 77, 1]],
    ]
    for number, prompts in enumerate(rounds):
        for prompt, answer in zip(prompts, generator.run(prompts, steps=6)):
            print("round", number, prompt, "->", answer)
