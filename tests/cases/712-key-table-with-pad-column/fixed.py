"""Exponential-minimum watermark: sample with a secret table of uniform numbers, then score the text."""
import argparse

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PROMPTS = [
    "the ferry leaves the harbour at noon",
    "a letter from the museum",
]


def load(name):
    words = sorted({word for prompt in PROMPTS for word in prompt.split()} | {f"word{i}" for i in range(30)})
    vocab = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>"] + words)}
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    torch.manual_seed(7)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(vocab), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, name_or_path=name,
    )).eval()
    if tokenizer.pad_token is None:
        tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    return tokenizer, model


def make_key(seed, length, vocab_size):
    gen = torch.Generator().manual_seed(seed)
    return torch.rand((length, vocab_size), generator=gen)


def exp_sampling(probs, u):
    return torch.argmax(u ** (1 / probs), dim=1, keepdim=True)


@torch.no_grad()
def generate_shift(model, ids, key, steps, shift):
    cache, step_input = None, ids
    for i in range(steps):
        out = model(step_input, past_key_values=cache, use_cache=True)
        probs = out.logits[:, -1].softmax(-1)
        step_input = exp_sampling(probs, key[(shift + i) % len(key)])
        cache = out.past_key_values
        ids = torch.cat([ids, step_input], dim=1)
    return ids


def strength(tokens, key, shift):
    picked = torch.stack([key[(shift + i) % len(key), token] for i, token in enumerate(tokens)])
    return -torch.log1p(-picked).mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="tiny-llama")
    parser.add_argument("--key", type=int, default=42)
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--m", type=int, default=12)
    args = parser.parse_args([])

    tokenizer, model = load(args.model)
    key = make_key(args.key, args.n, model.config.vocab_size)
    for shift, prompt in enumerate(PROMPTS):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        out = generate_shift(model, ids, key, args.m, shift)
        print(f"{prompt!r}: strength {strength(out[0, ids.size(1):].tolist(), key, shift):.3f}")


if __name__ == "__main__":
    main()
