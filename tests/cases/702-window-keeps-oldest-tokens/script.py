"""Endless text generation with a bounded past."""
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

MAX_PAST = 12


def load():
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=90, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, initializer_range=0.35,
    )).eval()


def limit_past(past, size):
    for layer in past.layers:
        if layer.keys.size(2) > size:
            layer.keys = layer.keys[:, :, :size]
            layer.values = layer.values[:, :, :size]


class Storyteller:
    def __init__(self, model, max_past):
        self.model = model
        self.max_past = max_past
        self.past = DynamicCache(config=model.config)
        self.seen = 0

    @torch.no_grad()
    def feed(self, tokens):
        ids = torch.tensor([tokens])
        positions = torch.arange(self.seen, self.seen + len(tokens)).unsqueeze(0)
        logits = self.model(ids, position_ids=positions, past_key_values=self.past).logits
        self.seen += len(tokens)
        limit_past(self.past, self.max_past)
        return logits[0, -1]

    def tell(self, opening, length):
        logits = self.feed(opening)
        for _ in range(length):
            token = logits.argmax().item()
            yield token
            logits = self.feed([token])


if __name__ == "__main__":
    teller = Storyteller(load(), MAX_PAST)
    line = []
    for token in teller.tell([11, 42, 7, 63, 5, 28], length=40):
        line.append(token)
        if len(line) == 10:
            print(" ".join(f"{t:2d}" for t in line))
            line = []
    print("tokens read", teller.seen)
