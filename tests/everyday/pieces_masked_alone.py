"""Prefill a long prompt in pieces to bound the memory of the attention scores."""

import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM


def causal_mask(length):
    """0 where a token may look, a very negative number where it may not."""
    allowed = torch.ones(length, length, dtype=torch.bool).tril()
    mask = torch.zeros(length, length).masked_fill(~allowed, torch.finfo(torch.float32).min)
    return mask[None, None]


def pieces(prompt, size):
    yield from torch.tensor([prompt]).split(size, dim=1)


@torch.no_grad()
def prefill(model, prompt, size):
    cache = DynamicCache(config=model.config)
    for ids in pieces(prompt, size):
        mask = causal_mask(ids.size(1))
        logits = model(ids, attention_mask=mask, past_key_values=cache, use_cache=True).logits
    return logits[:, -1].argmax(-1).item(), cache


def main():
    torch.manual_seed(1)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=100,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
        )
    ).eval()
    prompt = [(13 * i + 5) % 100 for i in range(40)]
    for size in (64, 16):
        token, cache = prefill(model, prompt, size)
        print(f"pieces of {size}: next token {token}, {cache.get_seq_length()} positions cached")


if __name__ == "__main__":
    main()
