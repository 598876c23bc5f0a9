"""On-policy distillation: the student samples while the teacher's probabilities are mixed in."""
from dataclasses import dataclass

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TOKENS = SPECIAL + [f"tok{i}" for i in range(110)]


@dataclass
class Preset:
    hidden_size: int
    layers: int
    heads: int
    vocab_multiple: int


PRESETS = {
    "base-1b": Preset(32, 2, 4, vocab_multiple=32),
    "instruct-7b": Preset(64, 3, 8, vocab_multiple=256),
}


def load(name):
    preset = PRESETS[name]
    rows = -(-len(TOKENS) // preset.vocab_multiple) * preset.vocab_multiple
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=rows, hidden_size=preset.hidden_size, intermediate_size=2 * preset.hidden_size,
        num_hidden_layers=preset.layers, num_attention_heads=preset.heads, num_key_value_heads=2,
        max_position_embeddings=64,
    ))


class Sampler:
    def __init__(self, student, teacher, alpha=0.2, temperature=1.0):
        self.student, self.teacher = student, teacher.eval()
        self.alpha, self.temperature = alpha, temperature

    def probs(self, model, ids):
        logits = model(ids, use_cache=False).logits[:, -1, :self.student.config.vocab_size]
        return (logits / self.temperature).softmax(-1)

    @torch.no_grad()
    def rollout(self, prompts, length, mix=False):
        ids = prompts
        for _ in range(length):
            step = self.probs(self.student, ids)
            if mix:
                step = (1 - self.alpha) * step + self.alpha * self.probs(self.teacher, ids)
            ids = torch.cat([ids, torch.multinomial(step, 1)], dim=1)
        return ids


def train(student, sampler, prompts, iters=2):
    opt = torch.optim.AdamW(student.parameters(), lr=1e-4)
    for it in range(iters):
        ids = sampler.rollout(prompts, length=6, mix=True).clamp(max=len(TOKENS) - 1)
        loss = student(ids, labels=ids).loss
        loss.backward()
        opt.step()
        opt.zero_grad()
        print(f"iter {it} loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    student, teacher = load("base-1b"), load("instruct-7b")
    prompts = torch.randint(len(SPECIAL), len(TOKENS), (2, 5))
    sampler = Sampler(student, teacher)
    print("student alone", tuple(sampler.rollout(prompts, length=3).shape))
    train(student, sampler, prompts)
