"""Throughput benchmark: one preallocated cache serves all batches of the prompt file."""
import argparse

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM, StaticCache


def parse(argv=()):
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=22)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--prompt-len", type=int, default=10)
    parser.add_argument("--new-tokens", type=int, default=6)
    return parser.parse_args(list(argv))


def load_model():
    torch.manual_seed(3)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=90, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
    )).eval()


def prompt_batches(args):
    gen = torch.Generator().manual_seed(8)
    prompts = torch.randint(0, 90, (args.prompts, args.prompt_len), generator=gen)
    return prompts.split(args.batch_size)


class Engine:
    def __init__(self, model, max_len):
        self.model = model
        self.max_len = max_len
        self.cache = StaticCache(config=model.config, max_cache_len=max_len)

    @torch.no_grad()
    def step(self, ids):
        out = self.model(ids, past_key_values=self.cache, use_cache=True)
        return out.logits[:, -1].argmax(-1, keepdim=True)

    def run(self, prompts, new_tokens):
        self.cache.reset()
        token = self.step(prompts)
        produced = [token]
        for _ in range(new_tokens - 1):
            token = self.step(token)
            produced.append(token)
        return torch.cat(produced, dim=1)


def main():
    args = parse()
    engine = Engine(load_model(), max_len=args.prompt_len + args.new_tokens)
    total = 0
    for number, prompts in enumerate(prompt_batches(args)):
        answers = engine.run(prompts, args.new_tokens)
        total += answers.numel()
        print(f"batch {number}: {tuple(answers.shape)} first {answers[0].tolist()}")
    print("tokens", total)


if __name__ == "__main__":
    main()
