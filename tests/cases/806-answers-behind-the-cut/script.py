"""Supervised fine-tuning on instruction/answer pairs; only the answer tokens count."""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import Qwen2Config, Qwen2ForCausalLM

IGNORE_INDEX = -100
PAD, BOS, EOS = 0, 1, 2


class VRTrainDataset(Dataset):
    def __init__(self, samples, max_length=32):
        self.samples = samples
        self.max_length = max_length

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        problem, summary = self.samples[i]
        prefix = [BOS, *problem, 3]
        input_ids = prefix + summary + [EOS]
        labels = [IGNORE_INDEX] * len(prefix) + summary + [EOS]
        return {
            "input_ids": torch.tensor(input_ids[:self.max_length]),
            "labels": torch.tensor(labels[:self.max_length]),
        }


def collate(rows):
    def pad(key, value):
        return torch.nn.utils.rnn.pad_sequence([r[key] for r in rows], batch_first=True, padding_value=value)

    ids = pad("input_ids", PAD)
    return {"input_ids": ids, "attention_mask": ids.ne(PAD).long(), "labels": pad("labels", IGNORE_INDEX)}


def make_samples():
    gen = torch.Generator().manual_seed(3)
    lengths = [(8, 5), (12, 6), (20, 4), (9, 7), (34, 6), (31, 5), (10, 4), (14, 6)]
    draw = lambda n: torch.randint(4, 60, (n,), generator=gen).tolist()
    return [(draw(p), draw(a)) for p, a in lengths]


def main():
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128,
    ))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = DataLoader(VRTrainDataset(make_samples()), batch_size=2, collate_fn=collate)
    for epoch in range(2):
        total = 0.0
        for batch in loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.3f}")


if __name__ == "__main__":
    main()
