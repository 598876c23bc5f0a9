"""Greedy answers for a batch of support tickets, decoded step by step with a cache."""
import torch
from transformers import GPT2Config, GPT2LMHeadModel

PAD, EOS = 0, 1
TICKETS = {
    "refund": [5, 17, 33, 8, 41, 9],
    "login": [5, 22, 9],
    "invoice": [5, 30, 12, 9],
}


def build_model():
    torch.manual_seed(7)
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=60, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4,
        bos_token_id=EOS, eos_token_id=EOS,
    )).eval()


def left_pad(rows):
    width = max(len(r) for r in rows)
    ids = torch.tensor([[PAD] * (width - len(r)) + r for r in rows])
    mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
    return {"input_ids": ids, "attention_mask": mask}


class Responder:
    def __init__(self, model, length):
        self.model = model
        self.length = length

    @staticmethod
    def positions(mask):
        return (mask.cumsum(-1) - 1).clamp(min=0)

    def pick(self, logits):
        return logits[:, -1].argmax(-1, keepdim=True)

    @torch.no_grad()
    def answer(self, rows):
        batch = left_pad(rows)
        mask = batch["attention_mask"]
        position = self.positions(mask)
        step = self.model(**batch, position_ids=position, use_cache=True)
        position, token = position[:, -1:], self.pick(step.logits)
        answer = [token]
        for _ in range(self.length - 1):
            position = position + 1
            mask = torch.cat([mask, torch.ones_like(token)], dim=1)
            step = self.model(token, attention_mask=mask, position_ids=position, past_key_values=step.past_key_values)
            token = self.pick(step.logits)
            answer.append(token)
        return torch.cat(answer, dim=1).tolist()


if __name__ == "__main__":
    responder = Responder(build_model(), length=8)
    for name, answer in zip(TICKETS, responder.answer(list(TICKETS.values()))):
        print(f"{name:<8}", answer)
