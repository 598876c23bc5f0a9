"""Protein language model on packed batches: all sequences of a batch in one row, no padding."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
MASK_ID, VOCAB = 20, 21


def encode(sequence, seed=None):
    ids = [RESIDUES.index(c) for c in sequence]
    if seed is None:
        return {"input_ids": ids}
    gen = torch.Generator().manual_seed(seed)
    chosen = (torch.rand(len(ids), generator=gen) < 0.3).tolist()
    return {"input_ids": [MASK_ID if c else t for t, c in zip(ids, chosen)],
            "labels": [t if c else -100 for t, c in zip(ids, chosen)]}


class FlatteningCollator:
    def __call__(self, features):
        is_labels_provided = "labels" in features[0]
        batch = {"input_ids": [], "labels": []}
        cu_seq_lens = [0]
        for sample in features:
            batch["input_ids"] += sample["input_ids"]
            if is_labels_provided:
                batch["labels"] += sample["labels"]
            cu_seq_lens.append(cu_seq_lens[-1] + len(sample["input_ids"]))
        batch = {name: torch.tensor([values], dtype=torch.long) for name, values in batch.items()}
        return batch | {"cu_seq_lens": torch.tensor(cu_seq_lens)}


class PackedEncoder(nn.Module):
    def __init__(self, dim=24, heads=3):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.head = nn.Linear(dim, VOCAB)

    def forward(self, input_ids, cu_seq_lens, labels=None):
        owner = torch.bucketize(torch.arange(input_ids.shape[1]), cu_seq_lens[1:], right=True)
        x = self.embed(input_ids)
        x = x + self.attn(x, x, x, attn_mask=owner[:, None] != owner[None, :], need_weights=False)[0]
        logits = self.head(x)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits.view(-1, VOCAB), labels.view(-1))
        return loss, logits


if __name__ == "__main__":
    torch.manual_seed(0)
    proteins = ["MKTAYIAK", "GSHMLE", "MVLSPADKTNV", "ACDKLW"]
    collator, model = FlatteningCollator(), PackedEncoder()
    optim = torch.optim.Adam(model.parameters(), lr=0.01)
    train_set = [encode(p, seed) for seed, p in enumerate(proteins)]
    for batch in DataLoader(train_set, batch_size=2, collate_fn=collator):
        loss, _ = model(**batch)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print("train loss", round(loss.item(), 4))
    with torch.no_grad():
        for batch in DataLoader([encode(p) for p in proteins], batch_size=2, collate_fn=collator):
            _, logits = model(**batch)
            print("predicted", logits.argmax(-1)[0, :6].tolist())
