"""Distil a small causal model from a larger one with softened targets."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM


@dataclass
class SoftTargets:
    temperature: float = 2.0

    def probs(self, logits):
        return torch.softmax(logits / self.temperature, dim=-1)

    def logs(self, logits):
        return torch.log_softmax(logits / self.temperature, dim=-1)

    def loss(self, student, teacher):
        divergence = F.kl_div(self.logs(student), self.probs(teacher), reduction="none").sum(-1)
        return divergence.mean() * self.temperature**2


def llama(width, layers, spread):
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40,
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=64,
            initializer_range=spread,
        )
    )


def agreement(student, teacher, ids):
    with torch.no_grad():
        return (student(ids).logits.argmax(-1) == teacher(ids).logits.argmax(-1)).float().mean().item()


def main():
    torch.manual_seed(0)
    teacher, student = llama(48, 2, 0.3).eval(), llama(32, 1, 0.05)
    opt = torch.optim.Adam(student.parameters(), lr=1e-2)
    soft, ids = SoftTargets(), torch.randint(0, 40, (16, 12))
    for step in range(61):
        with torch.no_grad():
            wanted = teacher(ids).logits
        loss = soft.loss(student(ids).logits, wanted)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.4f} same next token {agreement(student, teacher, ids):.2f}")


if __name__ == "__main__":
    main()
