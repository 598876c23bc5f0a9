"""On-policy distillation: the student learns from a bigger teacher of the same family by a Jensen-Shannon loss."""
import math

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

TEXTS = [
    "what is the capital of france ? paris",
    "name a prime number above ten : eleven is one of them",
    "translate good morning into spanish : buenos dias",
]


def shared_tokenizer():
    vocab = {"<|endoftext|>": 0, "<|unk|>": 1}
    for text in TEXTS:
        for piece in text.split():
            vocab.setdefault(piece, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<|unk|>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<|unk|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )


def from_family(size):
    hidden, layers, rows = {"3b": (32, 2, 64), "72b": (64, 3, 96)}[size]
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=rows, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0,
    ))


def generalized_jsd(student_logits, teacher_logits, keep, beta=0.5):
    student = F.log_softmax(student_logits, dim=-1)
    teacher = F.log_softmax(teacher_logits, dim=-1)
    mixture = torch.logsumexp(
        torch.stack([student + math.log(1 - beta), teacher + math.log(beta)]), dim=0
    )
    kl_teacher = F.kl_div(mixture, teacher, reduction="none", log_target=True)
    kl_student = F.kl_div(mixture, student, reduction="none", log_target=True)
    jsd = beta * kl_teacher + (1 - beta) * kl_student
    return jsd.sum(-1)[keep].mean()


class DistillationTrainer:
    def __init__(self, student, teacher, tokenizer):
        self.student, self.teacher, self.tokenizer = student, teacher.eval(), tokenizer
        self.optimizer = torch.optim.AdamW(student.parameters(), lr=2e-3)

    def step(self, texts):
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        with torch.no_grad():
            teacher_logits = self.teacher(**batch).logits
        student_logits = self.student(**batch).logits
        keep = batch["attention_mask"][:, 1:].bool()
        entries = len(self.tokenizer)
        loss = generalized_jsd(student_logits[:, :-1, :entries], teacher_logits[:, :-1, :entries], keep)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = shared_tokenizer()
    print("entries in the tokenizer:", len(tokenizer))
    trainer = DistillationTrainer(from_family("3b"), from_family("72b"), tokenizer)
    for epoch in range(3):
        print("epoch", epoch, "jsd %.5f" % trainer.step(TEXTS))
