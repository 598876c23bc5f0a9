"""Fine-tune a small BART on headlines with a training loop of its own."""
import torch
from torch.utils.data import DataLoader
from transformers import BartConfig, BartForConditionalGeneration

PAD, BOS, EOS, IGNORE = 1, 0, 2, -100
STORIES = [
    ("police found the stolen boat near the old bridge on sunday", "stolen boat found"),
    ("after nine years the town opens its library again", "library opens again after nine years"),
    ("rain stopped the match", "match stopped"),
    ("a baker from the north wins the national prize for bread", "northern baker wins prize"),
]


class WordTokenizer:
    def __init__(self):
        self.ids = {"<s>": BOS, "<pad>": PAD, "</s>": EOS}

    def encode(self, text):
        return [BOS] + [self.ids.setdefault(w, len(self.ids)) for w in text.split()] + [EOS]

    def pad(self, rows, value):
        width = max(map(len, rows))
        return torch.tensor([row + [value] * (width - len(row)) for row in rows])


class Collator:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, pairs):
        sources = self.tokenizer.pad([self.tokenizer.encode(s) for s, _ in pairs], PAD)
        targets = self.tokenizer.pad([self.tokenizer.encode(t) for _, t in pairs], IGNORE)
        return {
            "input_ids": sources,
            "attention_mask": (sources != PAD).long(),
            "decoder_input_ids": targets[:, :-1].masked_fill(targets[:, :-1] == IGNORE, PAD),
            "labels": targets[:, 1:].contiguous(),
        }


def main():
    torch.manual_seed(0)
    tokenizer = WordTokenizer()
    model = BartForConditionalGeneration(BartConfig(
        vocab_size=64, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=32,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, decoder_start_token_id=EOS,
    ))
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, batch in enumerate(DataLoader(STORIES, batch_size=2, collate_fn=Collator(tokenizer))):
        loss = model(**batch).loss
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("step", step, "loss %.3f" % loss.item())


if __name__ == "__main__":
    main()
