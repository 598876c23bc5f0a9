from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import Qwen2Config, Qwen2ForCausalLM

TOKENS_IN_TOKENIZER = 290
IGNORE = -100


@dataclass
class Checkpoint:
    hidden: int
    layers: int
    row_multiple: int

    def build(self):
        rows = -(-TOKENS_IN_TOKENIZER // self.row_multiple) * self.row_multiple
        config = Qwen2Config(
            vocab_size=rows, hidden_size=self.hidden, intermediate_size=2 * self.hidden, num_hidden_layers=self.layers,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        )
        return Qwen2ForCausalLM(config)


class ForwardKLWithChunkedOutput(nn.Module):
    def __init__(self, num_chunks):
        super().__init__()
        self.num_chunks = num_chunks

    def kl(self, student_logits, teacher_logits, labels):
        teacher_prob = F.softmax(teacher_logits, dim=-1, dtype=torch.float32)
        student_logprob = F.log_softmax(student_logits, dim=-1, dtype=torch.float32)
        per_token = -(teacher_prob * student_logprob).sum(-1)
        keep = (labels != IGNORE).float()
        return (per_token * keep).sum() / keep.sum().clamp(min=1)

    def forward(self, student_logits, teacher_logits, labels):
        pieces = zip(*(t.chunk(self.num_chunks, dim=1) for t in (student_logits, teacher_logits, labels)))
        losses = [self.kl(s.flatten(0, 1), t.flatten(0, 1), y.flatten()) for s, t, y in pieces]
        return torch.stack(losses).mean()


class KDRecipe:
    def __init__(self, student, teacher, kd_ratio=0.5):
        self.student, self.teacher = student, teacher.eval().requires_grad_(False)
        self.kd_loss = ForwardKLWithChunkedOutput(num_chunks=4)
        self.kd_ratio = kd_ratio
        self.optimizer = torch.optim.AdamW(student.parameters(), lr=1e-3)

    def loss_step(self, batch):
        tokens, labels = batch["tokens"], batch["labels"]
        with torch.no_grad():
            teacher_logits = self.teacher(tokens).logits
        logits = self.student(tokens).logits
        class_loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE)
        return class_loss, self.kd_loss(logits, teacher_logits, labels)

    def train(self, batches):
        for step, batch in enumerate(batches):
            class_loss, kd_loss = self.loss_step(batch)
            self.optimizer.zero_grad()
            ((1 - self.kd_ratio) * class_loss + self.kd_ratio * kd_loss).backward()
            self.optimizer.step()
            print(f"step {step} ce {class_loss.item():.4f} kd {kd_loss.item():.4f}")


def packed_batches(n, rows=2, length=16):
    for _ in range(n):
        ids = torch.randint(0, TOKENS_IN_TOKENIZER, (rows, length + 1))
        labels = ids[:, 1:].clone()
        labels[:, :3] = IGNORE
        yield {"tokens": ids[:, :-1], "labels": labels}


if __name__ == "__main__":
    torch.manual_seed(0)
    teacher = Checkpoint(hidden=64, layers=2, row_multiple=128).build()
    student = Checkpoint(hidden=32, layers=1, row_multiple=64).build()
    KDRecipe(student, teacher).train(packed_batches(3))
