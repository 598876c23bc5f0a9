"""Distil a larger Qwen2 style model into a smaller one of the same family."""
import torch
import torch.nn.functional as F
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

TOKENIZER_SIZE = 150
IGNORE = -100


def family(size):
    dims = {
        "1.5B": dict(vocab_size=160, hidden_size=32, num_hidden_layers=2),
        "7B": dict(vocab_size=192, hidden_size=64, num_hidden_layers=3),
    }[size]
    return Qwen2ForCausalLM(Qwen2Config(
        intermediate_size=2 * dims["hidden_size"], num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2, **dims,
    ))


class ForwardKL(nn.Module):
    def forward(self, student_logits, teacher_logits, labels):
        teacher_prob = F.softmax(teacher_logits, dim=-1, dtype=torch.float32)
        student_logprob = F.log_softmax(student_logits, dim=-1, dtype=torch.float32)
        cross = (teacher_prob * student_logprob).sum(-1)
        mask = labels != IGNORE
        return -(cross * mask).sum() / mask.sum()


class Recipe:
    def __init__(self, ratio=0.5):
        self.student, self.teacher = family("1.5B"), family("7B").eval()
        self.teacher.requires_grad_(False)
        self.kd_loss = ForwardKL()
        self.ratio = ratio
        self.optimizer = torch.optim.AdamW(self.student.parameters(), lr=2e-3)

    def loss_step(self, batch):
        labels = F.pad(batch["labels"][:, 1:], (0, 1), value=IGNORE)
        out = self.student(batch["input_ids"], attention_mask=batch["attention_mask"])
        with torch.no_grad():
            teacher = self.teacher(batch["input_ids"], attention_mask=batch["attention_mask"])
        class_loss = F.cross_entropy(out.logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE)
        kd_loss = self.kd_loss(out.logits, teacher.logits[..., :out.logits.size(-1)], labels)
        return (1 - self.ratio) * class_loss + self.ratio * kd_loss

    def train(self, batches):
        for step, batch in enumerate(batches):
            loss = self.loss_step(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            print(f"step {step} loss {loss.item():.3f}")


def conversations(count, rows=3, length=14):
    for _ in range(count):
        ids = torch.randint(3, TOKENIZER_SIZE, (rows, length))
        labels = ids.clone()
        labels[:, :5] = IGNORE
        yield {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


torch.manual_seed(0)
Recipe().train(conversations(3))
