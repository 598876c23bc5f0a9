"""Speculative sampling: a draft model guesses gamma tokens, the target model checks them in one pass."""
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM


class KVCacheModel:
    def __init__(self, model):
        self.model = model.eval()
        self.past = DynamicCache(config=model.config)
        self.scores = None

    @property
    def length(self):
        return 0 if self.scores is None else self.scores.size(1)

    def forward(self, ids):
        out = self.model(ids[:, self.length:], past_key_values=self.past, use_cache=True)
        self.past = out.past_key_values
        new = out.logits
        self.scores = new if self.scores is None else torch.cat([self.scores, new], dim=1)
        return self.scores[:, -1].argmax(-1, keepdim=True)

    def extend(self, ids, count):
        for _ in range(count):
            ids = torch.cat([ids, self.forward(ids)], dim=1)
        return ids

    def rollback(self, end):
        trimmed = []
        for layer in self.past:
            keys, values = layer[0], layer[1]
            trimmed.append((keys[:, :, :end], values[:, :, :end]))
        self.past = trimmed
        self.scores = self.scores[:, :end]


def make_model(seed, layers):
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.2,
    ))


@torch.no_grad()
def speculate(prompt, draft, target, gamma=3, max_new=12):
    ids, goal, accepted = prompt, prompt.size(1) + max_new, 0
    while ids.size(1) < goal:
        start = ids.size(1)
        guess = draft.extend(ids, gamma)
        target.forward(guess)
        check = target.scores[:, start - 1:].argmax(-1)
        agree = int((check[:, :-1] == guess[:, start:]).long().cumprod(1).sum())
        accepted += agree
        ids = torch.cat([guess[:, :start + agree], check[:, agree:agree + 1]], dim=1)
        draft.rollback(min(start + agree, draft.length))
        target.rollback(start + agree)
    return ids[:, :goal], accepted


def main():
    draft, target = KVCacheModel(make_model(1, 1)), KVCacheModel(make_model(2, 3))
    prompt = torch.randint(0, 60, (1, 6))
    ids, accepted = speculate(prompt, draft, target)
    print("continuation", ids[0, 6:].tolist())
    print("accepted guesses", accepted)


if __name__ == "__main__":
    main()
