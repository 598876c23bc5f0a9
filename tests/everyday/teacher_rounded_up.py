"""Knowledge distillation from a bigger decoder, both with the same word list."""

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM


def round_up(n, multiple=64):
    return -(-n // multiple) * multiple


def make_teacher(words):
    config = Qwen2Config(
        vocab_size=round_up(len(words)),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return Qwen2ForCausalLM(config).eval()


def make_student(words):
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return LlamaForCausalLM(config)


class Distiller:
    def __init__(self, words, temperature=2.0):
        self.teacher, self.student = make_teacher(words), make_student(words)
        self.t = temperature
        self.opt = torch.optim.AdamW(self.student.parameters(), lr=1e-3)

    def losses(self, ids):
        teacher, student = self.teacher, self.student
        with torch.no_grad():
            t_logits = teacher(ids).logits
        s_logits = student(ids).logits
        hard = F.cross_entropy(s_logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        soft = F.kl_div((s_logits / self.t).log_softmax(-1), (t_logits / self.t).softmax(-1), reduction="batchmean")
        return hard, soft * self.t**2

    def step(self, ids):
        hard, soft = self.losses(ids)
        self.opt.zero_grad()
        (0.5 * hard + 0.5 * soft).backward()
        self.opt.step()
        return hard.item(), soft.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    words = [f"word{i}" for i in range(150)]
    distiller = Distiller(words)
    for _ in range(2):
        print("hard %.3f soft %.3f" % distiller.step(torch.randint(0, len(words), (3, 10))))
