"""On-policy distillation: the student samples several answers to each prompt, the teacher scores them."""
from dataclasses import dataclass

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

PAD, EOS = 0, 1


@dataclass
class TrainingArguments:
    num_generations: int = 4
    max_completion_length: int = 6
    temperature: float = 1.0
    learning_rate: float = 2e-3


def make_model(layers, seed):
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.1, pad_token_id=PAD, bos_token_id=EOS,
        eos_token_id=EOS,
    )).eval()


def completion_logps(model, ids, mask, length):
    logits = model(ids, attention_mask=mask).logits[:, -length - 1:-1]
    return logits.log_softmax(-1).gather(2, ids[:, -length:].unsqueeze(2)).squeeze(2)


class KDTrainer:
    def __init__(self, student, teacher, args):
        self.student, self.teacher, self.args = student, teacher, args
        self.opt = torch.optim.Adam(student.parameters(), lr=args.learning_rate)

    def sample(self, batch):
        args = self.args
        ids = self.student.generate(
            batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=True, temperature=args.temperature,
            top_k=0, num_return_sequences=args.num_generations, max_new_tokens=args.max_completion_length,
            min_new_tokens=args.max_completion_length,
        )
        return ids[:, batch["input_ids"].size(1):]

    def teacher_inputs(self, batch, completions):
        prompt_ids, prompt_mask = batch["teacher_input_ids"], batch["teacher_attention_mask"]
        prompt_ids = prompt_ids.repeat_interleave(self.args.num_generations, dim=0)
        prompt_mask = prompt_mask.repeat_interleave(self.args.num_generations, dim=0)
        ids = torch.cat([prompt_ids, completions], dim=1)
        mask = torch.cat([prompt_mask, torch.ones_like(completions)], dim=1)
        return ids, mask

    def training_step(self, batch):
        length, copies = self.args.max_completion_length, self.args.num_generations
        completions = self.sample(batch)
        with torch.no_grad():
            teacher = completion_logps(self.teacher, *self.teacher_inputs(batch, completions), length)
        ids = torch.cat([batch["input_ids"].repeat_interleave(copies, 0), completions], dim=1)
        student = completion_logps(self.student, ids, ids.ne(PAD).long(), length)
        loss = (student * (student - teacher).detach()).mean()
        self.opt.zero_grad(); loss.backward(); self.opt.step()
        return (student - teacher).mean().item()


if __name__ == "__main__":
    trainer = KDTrainer(make_model(1, 0), make_model(3, 1), TrainingArguments())
    prompt = torch.tensor([[PAD, 5, 6, 7], [8, 9, 10, 11]])
    hint = torch.cat([torch.tensor([[30, 31], [32, 33]]), prompt], dim=1)
    batch = {"input_ids": prompt, "attention_mask": prompt.ne(PAD).long(),
             "teacher_input_ids": hint, "teacher_attention_mask": hint.ne(PAD).long()}
    print("prompts", tuple(prompt.shape), "with hint", tuple(hint.shape))
    for step in range(3):
        print(f"step {step} reverse KL {trainer.training_step(batch):.4f}")
