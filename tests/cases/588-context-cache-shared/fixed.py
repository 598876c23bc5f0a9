"""Answer independent questions behind one system prompt whose keys and values are computed once."""
import copy

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

SYSTEM = "You answer briefly . You know every town and every river of the country ."
QUESTIONS = [
    "Which river runs through the old town ?",
    "Name a town with a bridge .",
    "How long is the river ?",
]


class WordTokenizer:
    def __init__(self, texts):
        self.words = ["<end>"]
        for word in " ".join(texts).split():
            if word not in self.words:
                self.words.append(word)

    def encode(self, text):
        return torch.tensor([[self.words.index(w) for w in text.split()]])

    def decode(self, ids):
        return " ".join(self.words[i] for i in ids)


def build_model(vocab_size):
    torch.manual_seed(5)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=vocab_size, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.4, bos_token_id=None, eos_token_id=0,
    )).eval()


class ContextCache:
    """Holds the prefilled system prompt and hands it to every request."""

    def __init__(self, model, tokenizer, system):
        self.model, self.tokenizer = model, tokenizer
        with torch.no_grad():
            self.prefix = model(tokenizer.encode(system), use_cache=True).past_key_values
        print("prefix tokens:", self.prefix.get_seq_length())

    def for_request(self):
        return copy.deepcopy(self.prefix)

    @torch.no_grad()
    def ask(self, question, max_new_tokens=6):
        tokens = self.tokenizer.encode(question)
        cache = self.for_request()
        answer = []
        for _ in range(max_new_tokens):
            out = self.model(tokens, past_key_values=cache)
            tokens = out.logits[:, -1:].argmax(-1)
            answer.append(tokens.item())
        return self.tokenizer.decode(answer)


def main():
    tokenizer = WordTokenizer([SYSTEM, *QUESTIONS])
    context = ContextCache(build_model(len(tokenizer.words)), tokenizer, SYSTEM)
    for question in QUESTIONS:
        print(f"{question:<42} {context.ask(question)}")


if __name__ == "__main__":
    main()
