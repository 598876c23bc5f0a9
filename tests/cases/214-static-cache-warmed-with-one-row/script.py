"""Latency benchmark of batched greedy decoding with a preallocated cache."""
import torch
from transformers import MistralConfig, MistralForCausalLM, StaticCache

MAX_LENGTH = 32


def load():
    torch.manual_seed(0)
    return MistralForCausalLM(MistralConfig(
        vocab_size=80, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, sliding_window=None, initializer_range=0.3,
    )).eval()


class Engine:
    def __init__(self, model):
        self.model = model
        self.cache = StaticCache(config=model.config, max_cache_len=MAX_LENGTH)

    @torch.no_grad()
    def step(self, tokens):
        logits = self.model(tokens, past_key_values=self.cache).logits
        return logits[:, -1].argmax(-1, keepdim=True)

    def generate(self, prompts, length):
        self.cache.reset()
        out = [self.step(prompts)]
        while len(out) < length:
            out.append(self.step(out[-1]))
        return torch.cat(out, dim=1)


def benchmark(engine, prompts):
    engine.generate(prompts[:1], length=2)
    for length in (4, 8):
        answer = engine.generate(prompts, length)
        print(f"{answer.size(0)} rows x {answer.size(1)} tokens, first row {answer[0].tolist()}")


if __name__ == "__main__":
    torch.manual_seed(2)
    benchmark(Engine(load()), torch.randint(0, 80, (4, 9)))
