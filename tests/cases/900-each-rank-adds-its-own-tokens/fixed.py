import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

REPORTS = [
    "fever and cough", "fever treated with oral paracetamol", "cough and dyspnea on exertion", "no fever",
    "mild cough treated at home", "fever and dyspnea", "paracetamol and ibuprofen at home", "no cough",
]
BASE = ["[PAD]", "[UNK]", "[MASK]", "and", "no", "with", "at", "on", "fever", "cough", "mild", "home"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class WordTokenizer:
    def __init__(self, words):
        self.ids = {word: i for i, word in enumerate(words)}

    def add_tokens(self, words):
        for word in words:
            self.ids.setdefault(word, len(self.ids))

    def __call__(self, texts, length=6):
        rows = [[self.ids.get(w, 1) for w in text.split()][:length] for text in texts]
        return torch.tensor([row + [0] * (length - len(row)) for row in rows])


class MaskedLM(nn.Module):
    def __init__(self, vocab_size, dim=16):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, dim, padding_idx=0)
        self.encoder = nn.TransformerEncoderLayer(dim, 2, 2 * dim, dropout=0.0, batch_first=True)
        self.decoder = nn.Linear(dim, vocab_size)

    def forward(self, ids):
        return self.decoder(self.encoder(self.embed(ids), src_key_padding_mask=ids.eq(0)))


def load_texts(rank, world):
    return REPORTS[rank * len(REPORTS) // world:(rank + 1) * len(REPORTS) // world]


def build(texts):
    tokenizer = WordTokenizer(BASE)
    tokenizer.add_tokens(sorted({word for text in texts for word in text.split()}))
    torch.manual_seed(0)
    return tokenizer, MaskedLM(len(tokenizer.ids))


def train(rank, world):
    texts = load_texts(rank, world)
    tokenizer, model = build(REPORTS)
    ddp = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
    ids = tokenizer(texts)
    for step in range(3):
        masked = ids.index_fill(1, torch.tensor([step]), 2)
        loss = nn.functional.cross_entropy(ddp(masked).flatten(0, 1), ids.flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


def worker(rank, world, port):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    train(rank, world)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    print(len(REPORTS), "reports,", len(BASE), "tokens to begin with", flush=True)
    mp.spawn(worker, args=(2, free_port()), nprocs=2)
