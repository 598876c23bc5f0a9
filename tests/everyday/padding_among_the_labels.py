"""Instruction tuning on short samples; report the loss per epoch."""

import torch
from torch.utils.data import DataLoader
from transformers import Qwen2Config, Qwen2ForCausalLM

PAD, BOS, EOS = 0, 1, 2


def samples(n=24):
    gen = torch.Generator().manual_seed(5)
    for i in range(n):
        length = 3 + (7 * i) % 20
        yield [BOS] + torch.randint(3, 64, (length,), generator=gen).tolist() + [EOS]


class SFTCollator:
    def __init__(self, pad_id):
        self.pad_id = pad_id

    def __call__(self, rows):
        width = max(map(len, rows))
        batch = {
            "input_ids": torch.tensor([r + [self.pad_id] * (width - len(r)) for r in rows]),
            "attention_mask": torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows]),
        }
        batch["labels"] = batch["input_ids"].clone()
        return batch


def train(model, loader, epochs):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        total = 0.0
        for batch in loader:
            loss = model(batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        yield epoch, total / len(loader)


if __name__ == "__main__":
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=PAD,
    )
    model = Qwen2ForCausalLM(config)
    loader = DataLoader(list(samples()), batch_size=6, collate_fn=SFTCollator(PAD))
    for epoch, loss in train(model, loader, epochs=4):
        print(f"epoch {epoch}: loss {loss:.3f}")
