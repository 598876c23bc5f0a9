"""Text completion script for a small language model with an optional key/value cache."""
import argparse

import torch
from transformers import LlamaConfig, LlamaForCausalLM

WORDS = "<eos> the old ship left port at dawn and sailed north with a crew of nine men".split()


def parse_args(argv=None):
    p = argparse.ArgumentParser()
    p.add_argument("--prompt", default="the old ship")
    p.add_argument("--max-new-tokens", type=int, default=10)
    p.add_argument("--block-size", type=int, default=128)
    return p.parse_args(argv)


def build_model(block_size):
    torch.manual_seed(5)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(WORDS), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=8 * block_size, initializer_range=0.4, bos_token_id=None,
        eos_token_id=0,
    )).eval()


@torch.no_grad()
def generate_text(model, prompt_ids, args, use_cache):
    input_tensor = torch.tensor([prompt_ids])
    past = None
    for _ in range(args.max_new_tokens):
        current_input = input_tensor[:, -args.block_size:]
        out = model(current_input, past_key_values=past, use_cache=use_cache)
        if use_cache:
            past = out.past_key_values
        next_token = out.logits[:, -1].argmax(-1, keepdim=True)
        input_tensor = torch.cat([input_tensor, next_token], dim=1)
    return input_tensor[0, len(prompt_ids):].tolist()


def main():
    args = parse_args([])
    model = build_model(args.block_size)
    prompt = [WORDS.index(w) for w in args.prompt.split()]
    for use_cache in (False, True):
        tokens = generate_text(model, prompt, args, use_cache)
        print("cache" if use_cache else "plain", "|", " ".join(WORDS[t] for t in tokens))


if __name__ == "__main__":
    main()
