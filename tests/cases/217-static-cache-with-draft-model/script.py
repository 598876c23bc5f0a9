"""Speculative decoding: a small draft model proposes, the large one checks."""
import torch
from transformers import GemmaConfig, GemmaForCausalLM


def make(width, depth):
    torch.manual_seed(0)
    return GemmaForCausalLM(GemmaConfig(
        vocab_size=64, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=depth,
        num_attention_heads=4, num_key_value_heads=1, head_dim=width // 4, max_position_embeddings=128,
        initializer_range=0.2, bos_token_id=2, eos_token_id=1, pad_token_id=0,
    )).eval()


def optimise(model):
    model.generation_config.cache_implementation = "static"
    model.generation_config.do_sample = False
    return model


class Assistant:
    def __init__(self, target, draft):
        self.target = target
        self.draft = draft

    def complete(self, ids, length):
        out = self.target.generate(
            ids, attention_mask=torch.ones_like(ids), assistant_model=self.draft, max_new_tokens=length
        )
        return out[0, ids.size(1):].tolist()


def main():
    target = optimise(make(width=64, depth=3))
    draft = make(width=32, depth=1)
    draft.generation_config.num_assistant_tokens = 3
    assistant = Assistant(target, draft)
    prompt = torch.tensor([[2, 17, 40, 8, 25]])
    print("parameters", target.num_parameters(), "and", draft.num_parameters())
    print("completion", assistant.complete(prompt, length=10))


if __name__ == "__main__":
    main()
