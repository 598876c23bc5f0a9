"""Supervised fine-tuning with several short dialogues packed into one row."""
import torch
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

CUTOFF = 32
IGNORE = -100


def dialogues(lengths, seed=0):
    gen = torch.Generator().manual_seed(seed)
    return [torch.randint(3, 96, (n,), generator=gen).tolist() for n in lengths]


def pack(samples, capacity=CUTOFF):
    knapsacks = []
    for sample in samples:
        for sack in knapsacks:
            if sum(map(len, sack)) + len(sample) <= capacity:
                sack.append(sample)
                break
        else:
            knapsacks.append([sample])
    return [
        {
            "input_ids": [t for s in sack for t in s],
            "position_ids": [p for s in sack for p in range(len(s))],
            "segments": [i for i, s in enumerate(sack) for _ in s],
        }
        for sack in knapsacks
    ]


class PackedCollator:
    def __init__(self, pad_token_id=0, pad_to_multiple_of=8):
        self.pad_token_id = pad_token_id
        self.pad_to_multiple_of = pad_to_multiple_of

    def stretch(self, rows, value, multiple):
        width = max(len(r) for r in rows)
        width = -(-width // multiple) * multiple
        return torch.tensor([r + [value] * (width - len(r)) for r in rows])

    def __call__(self, features):
        multiple = self.pad_to_multiple_of
        ids = self.stretch([f["input_ids"] for f in features], self.pad_token_id, multiple)
        labels = self.stretch([f["input_ids"] for f in features], IGNORE, multiple)
        segments = self.stretch([f["segments"] for f in features], -1, multiple)
        positions = self.stretch([f["position_ids"] for f in features], 0, 1)
        same = segments.unsqueeze(2) == segments.unsqueeze(1)
        causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
        mask = (same & causal).unsqueeze(1)
        return {"input_ids": ids, "labels": labels, "position_ids": positions, "attention_mask": mask}


def train(model, loader):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, batch in enumerate(loader):
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step} width {batch['input_ids'].size(1)} loss {loss.item():.4f}")


torch.manual_seed(0)
rows = pack(dialogues([12, 20, 9, 23, 17, 11, 14, 6]))
llama = LlamaForCausalLM(LlamaConfig(
    vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=64, attn_implementation="eager",
))
train(llama, DataLoader(rows, batch_size=2, collate_fn=PackedCollator()))
