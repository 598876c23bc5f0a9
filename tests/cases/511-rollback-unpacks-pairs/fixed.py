"""Speculative sampling (greedy) with a small draft model; both models keep a key/value cache."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

VOCAB = 32


def build(layers, seed):
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, initializer_range=0.3,
    )).eval()


class KVCacheModel:
    def __init__(self, model):
        self._model = model
        self._past_key_values = None
        self._history = None

    def _forward_with_kvcache(self, ids):
        if self._past_key_values is None:
            outputs = self._model(ids, use_cache=True)
            self._history = outputs.logits
        else:
            cached = self._history.size(1)
            outputs = self._model(ids[:, cached:], past_key_values=self._past_key_values, use_cache=True)
            self._history = torch.cat([self._history, outputs.logits], dim=1)
        self._past_key_values = outputs.past_key_values
        return self._history[:, -1].argmax(-1, keepdim=True)

    @torch.no_grad()
    def generate(self, ids, steps):
        for _ in range(steps):
            ids = torch.cat([ids, self._forward_with_kvcache(ids)], dim=1)
        return ids

    def choice(self, position):
        return self._history[0, position].argmax().item()

    def rollback(self, end_pos):
        self._past_key_values.crop(end_pos - self._history.size(1))
        self._history = self._history[:, :end_pos]


def speculative_sampling(prefix, draft, target, max_len, gamma=4):
    total = prefix.size(1) + max_len
    while prefix.size(1) < total:
        start = prefix.size(1)
        ids = draft.generate(prefix, gamma)
        target.generate(ids, 1)
        end = start - 1
        while end < start + gamma - 1 and ids[0, end + 1].item() == target.choice(end):
            end += 1
        correction = torch.tensor([[target.choice(end)]])
        prefix = torch.cat([ids[:, :end + 1], correction], dim=1)
        draft.rollback(min(end + 1, draft._history.size(1)))
        target.rollback(end + 1)
    return prefix[:, :total]


if __name__ == "__main__":
    prompt = torch.tensor([[3, 14, 15, 9, 2, 6]])
    target = build(layers=3, seed=0)
    print("target  ", KVCacheModel(target).generate(prompt, 10)[0].tolist())
    out = speculative_sampling(prompt, KVCacheModel(build(layers=1, seed=1)), KVCacheModel(target), max_len=10)
    print("assisted", out[0].tolist())
