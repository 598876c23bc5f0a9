"""Supervised fine-tuning with short dialogues packed into one row."""
from dataclasses import dataclass

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

IGNORE_INDEX = -100


@dataclass
class PackingCollator:
    cutoff_len: int
    pad_token_id: int = 0
    pad_to_multiple_of: int = 8

    def pack(self, samples):
        ids, labels, positions, segments = [], [], [], []
        for number, (prompt, answer) in enumerate(samples, 1):
            if len(ids) + len(prompt) + len(answer) > self.cutoff_len:
                break
            ids += prompt + answer
            labels += [IGNORE_INDEX] * len(prompt) + answer
            positions += range(len(prompt) + len(answer))
            segments += [number] * (len(prompt) + len(answer))
        return {"input_ids": ids, "labels": labels, "position_ids": positions, "segments": segments}

    def pad(self, row):
        missing = -len(row["input_ids"]) % self.pad_to_multiple_of
        row["input_ids"] = row["input_ids"] + [self.pad_token_id] * missing
        row["labels"] = row["labels"] + [IGNORE_INDEX] * missing
        row["position_ids"] = row["position_ids"] + list(range(missing))
        row["segments"] = row["segments"] + [0] * missing
        return row

    def __call__(self, samples):
        row = self.pad(self.pack(samples))
        batch = {name: torch.tensor([values]) for name, values in row.items()}
        segments = batch.pop("segments")
        batch["attention_mask"] = (segments.unsqueeze(1) == segments.unsqueeze(2)).tril().unsqueeze(1)
        return batch


def dialogues(sizes, seed):
    gen = torch.Generator().manual_seed(seed)

    def draw(n):
        return torch.randint(3, 70, (n,), generator=gen).tolist()

    return [(draw(p), draw(a)) for p, a in sizes]


def load_model():
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=70, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=128, attn_implementation="sdpa",
    )
    return Qwen3ForCausalLM(config)


def main():
    model = load_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    collate = PackingCollator(cutoff_len=48)
    steps = [
        dialogues([(9, 7), (10, 6), (8, 8)], seed=1),
        dialogues([(6, 9), (11, 5), (7, 6)], seed=2),
    ]
    for number, samples in enumerate(steps):
        batch = collate(samples)
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {number}: {batch['input_ids'].numel()} tokens, loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
