import torch
from transformers import BloomConfig, BloomForCausalLM, DynamicCache


class KVCacheModel:
    def __init__(self, model):
        self._model = model
        self._past_key_values = None
        self._logits = None

    @torch.no_grad()
    def _forward_with_kvcache(self, input_ids):
        if self._past_key_values is None:
            outputs = self._model(input_ids, use_cache=True)
            self._logits = outputs.logits
        else:
            cached_len = self._past_key_values.get_seq_length()
            outputs = self._model(input_ids[:, cached_len:], past_key_values=self._past_key_values, use_cache=True)
            self._logits = torch.cat([self._logits, outputs.logits], dim=1)
        self._past_key_values = outputs.past_key_values
        return self._logits[:, -1, :]

    def generate(self, x, gamma):
        for _ in range(gamma):
            x = torch.cat((x, self._forward_with_kvcache(x).argmax(-1, keepdim=True)), dim=1)
        return x

    @torch.no_grad()
    def rollback(self, end_pos):
        past_key_values_trimmed = []
        for layer in self._past_key_values.layers:
            k, v = layer.keys, layer.values
            if isinstance(self._model, BloomForCausalLM):
                k = k[:, :, :end_pos]
                v = v[:, :end_pos, :]
            else:
                k = k[:, :, :end_pos, :]
                v = v[:, :, :end_pos, :]
            past_key_values_trimmed.append((k, v))
        self._past_key_values = DynamicCache(past_key_values_trimmed)
        self._logits = self._logits[:, :end_pos, :]


def speculative_sampling(prefix, approx_model, target_model, max_len, gamma=4):
    total = prefix.shape[1] + max_len
    approx_cache, target_cache = KVCacheModel(approx_model), KVCacheModel(target_model)
    while prefix.shape[1] < total:
        prefix_len = prefix.shape[1]
        x = approx_cache.generate(prefix, gamma)
        target_cache.generate(x, 1)
        n = prefix_len + gamma - 1
        for i in range(gamma):
            if target_cache._logits[0, prefix_len + i - 1].argmax() != x[0, prefix_len + i]:
                n = prefix_len + i - 1
                break
        t = target_cache._logits[:, n, :].argmax(-1, keepdim=True)
        approx_cache.rollback(min(n + 1, prefix_len + gamma - 1))
        target_cache.rollback(n + 1)
        prefix = torch.cat((x[:, : n + 1], t), dim=1)
    return prefix[:, :total]


if __name__ == "__main__":
    torch.manual_seed(123)
    target = BloomForCausalLM(BloomConfig(vocab_size=60, hidden_size=48, n_layer=3, n_head=4, initializer_range=0.3)).eval()
    approx = BloomForCausalLM(BloomConfig(vocab_size=60, hidden_size=32, n_layer=1, n_head=4, initializer_range=0.3)).eval()
    prompt = torch.randint(3, 60, (1, 7))
    print(speculative_sampling(prompt, approx, target, max_len=12).tolist())
