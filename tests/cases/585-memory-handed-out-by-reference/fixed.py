"""Activation memory: documents are read once, their keys and values kept, and questions answered on top of them."""
import copy
from dataclasses import dataclass

import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM


@dataclass
class CacheItem:
    name: str
    memory: DynamicCache


class ActivationMemory:
    def __init__(self, model):
        self.model = model
        self.items = {}

    @torch.no_grad()
    def extract(self, name, ids):
        cache = self.model(torch.tensor([ids]), use_cache=True).past_key_values
        self.items[name] = CacheItem(name, cache)

    def get_cache(self, name):
        item = self.items.get(name)
        return copy.deepcopy(item.memory) if item is not None else None


class Assistant:
    def __init__(self, model, memory, length=5):
        self.model, self.memory, self.length = model, memory, length

    @torch.no_grad()
    def answer(self, name, question):
        cache = self.memory.get_cache(name)
        tokens = torch.tensor([question])
        produced = []
        for _ in range(self.length):
            step = self.model(tokens, past_key_values=cache, use_cache=True)
            cache = step.past_key_values
            tokens = step.logits[:, -1].argmax(-1, keepdim=True)
            produced.append(tokens.item())
        return produced


def load_model():
    torch.manual_seed(11)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=64, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.4,
    )).eval()


def main():
    model = load_model()
    memory = ActivationMemory(model)
    memory.extract("manual", [12, 40, 7, 33, 25, 51, 8, 19])
    memory.extract("letter", [5, 5, 60, 2, 44])
    assistant = Assistant(model, memory)
    for name, question in [
        ("manual", [9, 30, 31]),
        ("letter", [9, 30, 31]),
        ("manual", [14, 3]),
        ("manual", [9, 30, 31]),
    ]:
        print(f"{name:<7} {question} -> {assistant.answer(name, question)}")


if __name__ == "__main__":
    main()
