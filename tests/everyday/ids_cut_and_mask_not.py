"""Documents are packed into one row; a block mask keeps them apart."""

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM


def document_mask(lengths):
    """Additive (1, total, total) mask: causal and only inside a document."""
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    same = owner[:, None] == owner[None, :]
    allowed = same & torch.ones_like(same).tril()
    return torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min).unsqueeze(0)


class Packed(Dataset):
    def __init__(self, documents, max_len):
        self.max_len = max_len
        self.rows, current, size = [], [], 0
        for doc in documents:
            current.append(doc)
            size += len(doc)
            if size >= max_len:
                self.rows.append(current)
                current, size = [], 0

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        docs = self.rows[i]
        ids = torch.cat(docs)[: self.max_len]
        return {"input_ids": ids, "attention_mask": document_mask([len(d) for d in docs]), "labels": ids}


def corpus(n):
    g = torch.Generator().manual_seed(0)
    sizes = torch.randint(5, 20, (n,), generator=g).tolist()
    return [torch.randint(0, 80, (s,), generator=g) for s in sizes]


def train(loader, model):
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for batch in loader:
        loss = model(**batch).loss
        loss.backward()
        opt.step()
        opt.zero_grad()
        yield loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=80,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=64,
        )
    )
    for loss in train(DataLoader(Packed(corpus(30), max_len=32), batch_size=1), model):
        print("loss %.3f" % loss)
