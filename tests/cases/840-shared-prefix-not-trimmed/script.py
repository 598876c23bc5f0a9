"""Text backend of a local server: requests often begin with the same system prompt, so its work is kept."""
from itertools import takewhile

import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

SYSTEM = [7, 31, 2, 18, 44, 9]


def load_model():
    torch.manual_seed(6)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.5, tie_word_embeddings=False,
    )).eval()


class Backend:
    def __init__(self, model):
        self.model = model
        self.cache = DynamicCache(config=model.config)
        self.cached_tokens = []
        self.reused = 0

    def _split(self, prompt):
        pairs = zip(self.cached_tokens, prompt[:-1])
        shared = sum(1 for _ in takewhile(lambda p: p[0] == p[1], pairs))
        return prompt[:shared], prompt[shared:]

    @torch.no_grad()
    def _step(self, tokens):
        out = self.model(torch.tensor([tokens]), past_key_values=self.cache, use_cache=True)
        self.cached_tokens += tokens
        return out.logits[0, -1].argmax().item()

    def predict(self, prompt, max_tokens):
        known, fresh = self._split(prompt)
        self.cached_tokens = list(known)
        self.reused += len(known)
        answer = [self._step(fresh)]
        while len(answer) < max_tokens:
            answer.append(self._step(answer[-1:]))
        return answer


def main():
    backend = Backend(load_model())
    requests = {
        "weather": SYSTEM + [12, 50, 3],
        "recipe": SYSTEM + [27, 27, 5, 61],
        "weather again": SYSTEM + [12, 50, 3],
    }
    for name, prompt in requests.items():
        print(f"{name:<14} {backend.predict(prompt, max_tokens=6)}")
    print("tokens reused", backend.reused)


if __name__ == "__main__":
    main()
