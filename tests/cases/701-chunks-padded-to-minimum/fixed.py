"""Text conditioning for an image model: prompts are cut at BREAK and encoded chunk by chunk."""
import torch
from transformers import T5Config, T5EncoderModel

PROMPTS = [
    "a lighthouse at dusk BREAK oil painting",
    "a narrow street in the rain with red and yellow umbrellas and wet cobblestones under old street lamps"
    " seen from a balcony BREAK film grain",
]


class WordTokenizer:
    pad_id, eos_id = 0, 1

    def __init__(self):
        self.vocab = {"<pad>": 0, "</s>": 1}

    def __call__(self, text):
        return [self.vocab.setdefault(w, len(self.vocab)) for w in text.split()] + [self.eos_id]


class T5TextEngine:
    def __init__(self, encoder, tokenizer, min_length=16):
        self.encoder, self.tokenizer, self.min_length = encoder, tokenizer, min_length

    def tokenize_line(self, line):
        chunks = []
        for part in line.split("BREAK"):
            tokens = self.tokenizer(part)
            missing = self.min_length - len(tokens)
            chunks.append(tokens + [self.tokenizer.pad_id] * max(missing, 0))
        longest = max(map(len, chunks))
        return [c + [self.tokenizer.pad_id] * (longest - len(c)) for c in chunks]

    def encode_tokens(self, tokens):
        ids = torch.tensor([tokens])
        mask = ids.ne(self.tokenizer.pad_id).long()
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state[0]

    def __call__(self, line):
        values = []
        for tokens in self.tokenize_line(line):
            values.append(self.encode_tokens(tokens))
        return torch.stack(values)


def build():
    torch.manual_seed(0)
    encoder = T5EncoderModel(T5Config(
        vocab_size=64, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, pad_token_id=0, eos_token_id=1
    )).eval()
    return T5TextEngine(encoder, WordTokenizer())


@torch.no_grad()
def main():
    engine = build()
    for prompt in PROMPTS:
        cond = engine(prompt)
        print(f"{tuple(cond.shape)} norm {cond.norm():.3f}  {prompt[:32]}")


if __name__ == "__main__":
    main()
