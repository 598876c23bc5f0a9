"""Answer many questions behind one few-shot header whose keys and values are computed once."""
import copy

import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

HEADER = [7, 31, 12, 5, 44, 9, 18, 27, 3, 50, 36, 21]
QUESTIONS = {
    "capital": [61, 14, 8],
    "river": [61, 22, 9, 10],
    "mountain": [61, 35, 17],
}


class FewShot:
    def __init__(self, model, header):
        self.model = model
        self.header = torch.tensor([header])
        self.cache = self.prefill()

    @torch.no_grad()
    def prefill(self):
        cache = DynamicCache(config=self.model.config)
        return self.model(self.header, past_key_values=cache, use_cache=True).past_key_values

    def ask(self, question, max_new_tokens=6):
        ids = torch.cat([self.header, torch.tensor([question])], dim=1)
        cache = copy.deepcopy(self.cache)
        out = self.model.generate(
            ids, attention_mask=torch.ones_like(ids), past_key_values=cache, max_new_tokens=max_new_tokens,
            do_sample=False,
        )
        return out[0, ids.size(1):].tolist()


def build():
    torch.manual_seed(4)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3,
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )).eval()


if __name__ == "__main__":
    session = FewShot(build(), HEADER)
    for name, question in QUESTIONS.items():
        print(f"{name:<9}", session.ask(question))
