"""Next-word scores for several openings at once, continued with cached keys and values."""
import torch
from transformers import GPT2Config, GPT2LMHeadModel

PAD = 0


def build_model():
    torch.manual_seed(7)
    config = GPT2Config(
        vocab_size=60, n_positions=64, n_embd=48, n_layer=2, n_head=4, initializer_range=0.3,
        bos_token_id=1, eos_token_id=2, pad_token_id=PAD,
    )
    return GPT2LMHeadModel(config).eval()


def pad_left(rows):
    width = max(len(row) for row in rows)
    ids = torch.tensor([[PAD] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


class CachedDecoder:
    """Keeps the state of one batch: cache and mask grow by one column a step."""

    def __init__(self, model):
        self.model = model

    def start(self, rows):
        batch = pad_left(rows)
        self.mask = batch["attention_mask"]
        out = self.model(**batch, use_cache=True)
        self.cache = out.past_key_values
        return out.logits[:, -1]

    def step(self, tokens):
        self.mask = torch.cat([self.mask, torch.ones_like(tokens)], dim=1)
        out = self.model(
            input_ids=tokens, attention_mask=self.mask, past_key_values=self.cache, use_cache=True
        )
        self.cache = out.past_key_values
        return out.logits[:, -1]


@torch.no_grad()
def continue_all(model, rows, length=6):
    decoder = CachedDecoder(model)
    logits, picked = decoder.start(rows), []
    for _ in range(length):
        tokens = logits.argmax(-1, keepdim=True)
        picked.append(tokens)
        logits = decoder.step(tokens)
    return torch.cat(picked, dim=1)


def main():
    model = build_model()
    openings = [[5, 9, 31], [8, 8, 44, 17, 23, 50, 12, 3, 29], [40]]
    for opening, tail in zip(openings, continue_all(model, openings).tolist()):
        print(f"{len(opening)} words -> {tail}")


if __name__ == "__main__":
    main()
