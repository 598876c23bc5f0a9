"""Compare plain and speculative decoding on a few benchmark questions."""
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

BATCH_SIZE = 3
QUESTIONS = [
    [1, 14, 25, 9, 33], [1, 40, 6, 12, 8], [1, 7, 7, 19, 30], [1, 22, 31, 5, 11], [1, 13, 2, 44, 6], [1, 9, 9, 27, 3],
]


def build(layers, seed):
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=48, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=None, pad_token_id=0,
        initializer_range=0.3,
    )).eval()


def batches(rows, size):
    for start in range(0, len(rows), size):
        yield torch.tensor(rows[start:start + size])


class Runner:
    def __init__(self, target, draft=None, new_tokens=8):
        self.target, self.draft = target, draft
        self.new_tokens = new_tokens

    def settings(self):
        extra = {"max_new_tokens": self.new_tokens, "do_sample": False}
        if self.draft is not None:
            extra["assistant_model"] = self.draft
        return extra

    @torch.no_grad()
    def answer(self, rows):
        outputs = self.target.generate(rows, attention_mask=torch.ones_like(rows), **self.settings())
        return outputs[:, rows.size(1):]

    def run(self, questions):
        started = time.perf_counter()
        answers = []
        for rows in batches(questions, BATCH_SIZE):
            answers += self.answer(rows).tolist()
        return answers, time.perf_counter() - started


def main():
    target = build(layers=4, seed=0)
    methods = {"vanilla": Runner(target), "sps": Runner(target, build(layers=1, seed=1))}
    for name, runner in methods.items():
        answers, _ = runner.run(QUESTIONS)
        print(f"{name}: {len(answers)} answers, first {answers[0]}")


if __name__ == "__main__":
    main()
