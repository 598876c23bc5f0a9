"""A help desk: the system prompt is encoded once, every question starts from it."""

import copy

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SYSTEM = [3, 17, 42, 8, 25, 25, 6]
QUESTIONS = {"billing": [50, 51, 9], "refund": [60, 7, 61, 62], "billing again": [50, 51, 9]}


class HelpDesk:
    def __init__(self, model, system):
        self.model = model
        with torch.no_grad():
            self.prefix = self.model(torch.tensor([system]), use_cache=True).past_key_values

    @torch.no_grad()
    def answer(self, question, length=6):
        cache = copy.deepcopy(self.prefix)
        step, reply = torch.tensor([question]), []
        for _ in range(length):
            logits = self.model(step, past_key_values=cache, use_cache=True).logits
            step = logits[:, -1:].argmax(-1)
            reply.append(step.item())
        return reply


def load():
    torch.manual_seed(3)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=70,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            initializer_range=0.4,
        )
    ).eval()


desk = HelpDesk(load(), SYSTEM)
for topic, question in QUESTIONS.items():
    print(f"{topic:14}", desk.answer(question))
