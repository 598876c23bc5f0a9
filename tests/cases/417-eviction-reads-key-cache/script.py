"""Keep attention sinks and the most recent tokens: evict the middle of the cache between chunks."""
from dataclasses import dataclass

import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM


@dataclass
class SinkPolicy:
    start_size: int = 2
    recent_size: int = 10

    @property
    def limit(self):
        return self.start_size + self.recent_size

    def slice(self, tensor):
        return torch.cat([tensor[:, :, :self.start_size], tensor[:, :, -self.recent_size:]], dim=2)

    def evict(self, cache):
        if cache.get_seq_length() <= self.limit:
            return cache
        for i in range(len(cache.layers)):
            cache.key_cache[i] = self.slice(cache.key_cache[i])
            cache.value_cache[i] = self.slice(cache.value_cache[i])
        return cache


class StreamingScorer:
    def __init__(self, model, policy, chunk):
        self.model, self.policy, self.chunk = model, policy, chunk
        self.cache = DynamicCache()

    @torch.no_grad()
    def feed(self, ids):
        out = self.model(ids, past_key_values=self.cache, use_cache=True)
        self.cache = self.policy.evict(out.past_key_values)
        return out.logits

    def score(self, stream):
        losses = []
        for start in range(0, stream.size(1) - 1, self.chunk):
            ids = stream[:, start:start + self.chunk]
            target = stream[:, start + 1:start + self.chunk + 1]
            logits = self.feed(ids)[:, :target.size(1)]
            losses.append(torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten()).item())
            print("tokens", start + ids.size(1), "cached", self.cache.get_seq_length(), "loss %.3f" % losses[-1])
        return sum(losses) / len(losses)


def main():
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256,
    )).eval()
    scorer = StreamingScorer(model, SinkPolicy(), chunk=6)
    print("mean loss %.3f" % scorer.score(torch.randint(0, 60, (1, 31))))


if __name__ == "__main__":
    main()
