"""Answer many questions behind one long instruction that is run through the model only once."""
import copy

import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM


def tiny_llama():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=90, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.4,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )).eval()


def encode(text):
    return torch.tensor([[3 + ord(ch) % 80 for ch in text]])


class PromptReuse:
    def __init__(self, model, instruction):
        self.model = model
        self.instruction = encode(instruction)
        self.prefix = self._prefill()

    @torch.no_grad()
    def _prefill(self):
        cache = DynamicCache(config=self.model.config)
        return self.model(self.instruction, past_key_values=cache, use_cache=True).past_key_values

    @torch.no_grad()
    def answer(self, question, max_new_tokens=8):
        past = copy.deepcopy(self.prefix)
        tokens, out = encode(question), []
        for _ in range(max_new_tokens):
            logits = self.model(tokens, past_key_values=past, use_cache=True).logits
            tokens = logits[:, -1].argmax(-1, keepdim=True)
            out.append(tokens.item())
        return out


def main():
    model = tiny_llama()
    reuse = PromptReuse(model, "From now on, answer all my questions with historical details.")
    questions = [
        "Why are french people obsessed with french?",
        "What is the best city to swim in?",
        "Who built the first bridge here?",
    ]
    for question in questions:
        print(f"{question:45s}", reuse.answer(question))


if __name__ == "__main__":
    main()
