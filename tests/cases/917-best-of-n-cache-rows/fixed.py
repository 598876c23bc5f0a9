"""Several continuations per prompt: read every prompt once, then decode the copies together."""
import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

PROMPTS = [[5, 9, 33, 12, 60], [71, 8, 8, 40, 3], [14, 92, 27, 6, 50]]


def make_model():
    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=97, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.5,
    )).eval()


def widen(cache, copies):
    pairs = []
    for layer in cache.layers:
        pairs.append((layer.keys.repeat_interleave(copies, 0), layer.values.repeat_interleave(copies, 0)))
    return DynamicCache(pairs)


class Sampler:
    def __init__(self, model, copies):
        self.model, self.copies = model, copies

    def first_tokens(self, logits):
        """The `copies` best openings of every prompt."""
        return logits.topk(self.copies, dim=-1).indices.flatten().unsqueeze(1)

    @torch.no_grad()
    def run(self, prompts, length):
        prefix = self.model(torch.tensor(prompts), use_cache=True)
        tokens = self.first_tokens(prefix.logits[:, -1])
        cache = widen(prefix.past_key_values, self.copies)
        produced = [tokens]
        while len(produced) < length:
            step = self.model(produced[-1], past_key_values=cache)
            produced.append(step.logits[:, -1].argmax(-1, keepdim=True))
        return torch.cat(produced, dim=1).unflatten(0, (len(prompts), self.copies))


if __name__ == "__main__":
    answers = Sampler(make_model(), copies=2).run(PROMPTS, length=6)
    for prompt, group in zip(PROMPTS, answers.tolist()):
        print(prompt)
        for answer in group:
            print("   ", answer)
