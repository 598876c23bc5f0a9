"""Distil a larger Qwen style model into a smaller one that shares its tokenizer."""
from dataclasses import dataclass

import torch
from torch import nn
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

TEXTS = [
    "the tide table for monday shows high water at noon",
    "small craft should stay inside the harbour until the wind drops",
    "ferries to the island leave every second hour",
]


def make_tokenizer():
    vocab = {"<|endoftext|>": 0, "<|pad|>": 1}
    for text in TEXTS:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<|endoftext|>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|endoftext|>", pad_token="<|pad|>", padding_side="right",
        model_input_names=["input_ids", "attention_mask"],
    )


def make_model(entries, width, layers, block):
    rows = -(-entries // block) * block
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=rows, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    ))


class ForwardKLLoss(nn.Module):
    def forward(self, student_logits, teacher_logits, labels):
        keep = labels != -100
        teacher_prob = teacher_logits.float().softmax(-1)
        student_logprob = student_logits.float().log_softmax(-1)
        per_token = (teacher_prob * student_logprob).sum(-1)
        return -(per_token * keep).sum() / keep.sum()


@dataclass
class Recipe:
    student: nn.Module
    teacher: nn.Module
    kd_ratio: float = 0.5

    def loss_step(self, batch):
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        output = self.student(**batch, labels=labels)
        with torch.no_grad():
            teacher_logits = self.teacher(**batch).logits[..., :output.logits.size(-1)]
        shifted = labels[:, 1:].reshape(-1)
        student_flat = output.logits[:, :-1].flatten(0, 1)
        teacher_flat = teacher_logits[:, :-1].flatten(0, 1)
        kd_loss = ForwardKLLoss()(student_flat, teacher_flat, shifted)
        return (1 - self.kd_ratio) * output.loss + self.kd_ratio * kd_loss


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    recipe = Recipe(
        student=make_model(len(tokenizer), width=32, layers=1, block=16),
        teacher=make_model(len(tokenizer), width=64, layers=2, block=64).eval(),
    )
    optimizer = torch.optim.AdamW(recipe.student.parameters(), lr=1e-3)
    for epoch in range(2):
        loss = recipe.loss_step(tokenizer(TEXTS, padding=True, return_tensors="pt"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
