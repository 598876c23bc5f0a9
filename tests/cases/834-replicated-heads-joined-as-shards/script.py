"""Prefill on several tensor-parallel ranks, hand the cache over, decode on one device."""
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM


class PrefillRank:
    """Holds the key/value heads that one of `world` ranks is in charge of."""

    def __init__(self, model, rank, world):
        self.model = model
        total = model.config.num_key_value_heads
        self.heads_per_rank = max(1, total // world)
        self.first = rank * total // world

    @torch.no_grad()
    def prefill(self, ids):
        out = self.model(ids, use_cache=True)
        own = slice(self.first, self.first + self.heads_per_rank)
        pages = [(layer.keys[:, own], layer.values[:, own]) for layer in out.past_key_values.layers]
        return out.logits[:, -1:].argmax(-1), pages


class Transfer:
    def __init__(self, model):
        self.layers = model.config.num_hidden_layers

    def receive(self, shipments):
        merged = []
        for i in range(self.layers):
            keys = torch.cat([pages[i][0] for pages in shipments], dim=1)
            values = torch.cat([pages[i][1] for pages in shipments], dim=1)
            merged.append((keys, values))
        return DynamicCache(merged)


@torch.no_grad()
def decode(model, token, cache, steps):
    produced = []
    for _ in range(steps):
        produced.append(token)
        token = model(token, past_key_values=cache).logits[:, -1:].argmax(-1)
    return torch.cat(produced, dim=1)


def serve(model, ids, world, steps=4):
    ranks = [PrefillRank(model, r, world) for r in range(world)]
    results = [rank.prefill(ids) for rank in ranks]
    cache = Transfer(model).receive([pages for _, pages in results])
    return decode(model, results[0][0], cache, steps)


def main():
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=90, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.2,
    )).eval()
    ids = torch.randint(0, 90, (1, 9))
    for world in (1, 2, 4):
        print(f"prefill on {world} rank(s):", serve(model, ids, world).tolist())


if __name__ == "__main__":
    main()
