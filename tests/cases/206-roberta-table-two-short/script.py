"""Pre-train a small RoBERTa on source code, masked language modelling from scratch."""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import RobertaConfig, RobertaForMaskedLM

MAX_LENGTH = 24
BOS, PAD, EOS, UNK, MASK = range(5)
VOCAB = 60


class CodeLines(Dataset):
    """Token ids of files, cut to MAX_LENGTH with <s> and </s> around them."""

    def __init__(self, sizes, seed=0):
        gen = torch.Generator().manual_seed(seed)
        self.rows = [torch.randint(5, VOCAB, (n,), generator=gen).tolist() for n in sizes]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return [BOS, *self.rows[i][:MAX_LENGTH - 2], EOS]


class MaskingCollator:
    def __init__(self, rate=0.15, seed=1):
        self.rate = rate
        self.gen = torch.Generator().manual_seed(seed)

    def __call__(self, rows):
        width = max(len(r) for r in rows)
        ids = torch.tensor([r + [PAD] * (width - len(r)) for r in rows])
        maskable = ids > EOS
        chosen = maskable & (torch.rand(ids.shape, generator=self.gen) < self.rate)
        chosen[:, 1] = True
        labels = ids.masked_fill(~chosen, -100)
        return {"input_ids": ids.masked_fill(chosen, MASK), "attention_mask": (ids != PAD).long(), "labels": labels}


def main():
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=MAX_LENGTH, type_vocab_size=1, bos_token_id=BOS, pad_token_id=PAD, eos_token_id=EOS,
    )
    model = RobertaForMaskedLM(config)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    files = CodeLines([12, 9, 17, 20, 31, 40, 8, 22])
    for step, batch in enumerate(DataLoader(files, batch_size=2, collate_fn=MaskingCollator())):
        loss = model(**batch).loss
        loss.backward()
        opt.step()
        opt.zero_grad()
        print(f"step {step} length {batch['input_ids'].size(1)} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
