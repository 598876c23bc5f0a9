"""Unconditional and prompted sampling from GPT-2, with cached keys for speed."""
import argparse

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel


def parse_args(argv=()):
    parser = argparse.ArgumentParser()
    parser.add_argument("--length", type=int, default=20)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top_k", type=int, default=10)
    parser.add_argument("--num_samples", type=int, default=2)
    parser.add_argument("--seed", type=int, default=42)
    return parser.parse_args(list(argv))


def load_model():
    config = GPT2Config(
        vocab_size=70, n_positions=64, n_embd=32, n_layer=2, n_head=4,
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )
    return GPT2LMHeadModel(config).eval()


def top_k_filter(logits, top_k):
    if top_k > 0:
        kth = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < kth, float("-inf"))
    return logits


@torch.no_grad()
def sample_sequence(model, context, args):
    generated = torch.tensor(context).unsqueeze(0).repeat(args.num_samples, 1)
    past = None
    for _ in range(args.length):
        new = generated if past is None else generated[:, -1:]
        outputs = model(input_ids=new, past_key_values=past, use_cache=True)
        past = outputs.past_key_values
        logits = outputs.logits[:, -1, :] / args.temperature
        probs = F.softmax(top_k_filter(logits, args.top_k), dim=-1)
        next_token = torch.multinomial(probs, num_samples=1)
        generated = torch.cat((generated, next_token), dim=1)
    return generated


def main():
    args = parse_args()
    torch.manual_seed(args.seed)
    model = load_model()
    prompts = {"greeting": [5, 9, 33, 2, 17, 40]}
    for name, context in prompts.items():
        print(f"{name}: {len(context)} tokens, {args.length} more to come")
        rows = sample_sequence(model, context, args)
        for row in rows[:, len(context):].tolist():
            print("  ", row)


if __name__ == "__main__":
    main()
