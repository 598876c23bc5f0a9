import datetime
import socket
from collections import Counter

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

LINES = [
    "patient given 20 mg lisinopril daily", "no known drug allergies", "metformin stopped on admission",
    "patient denies chest pain", "warfarin held before surgery", "daily metformin resumed",
    "chest x ray clear", "allergies to penicillin noted", "lisinopril and warfarin continued", "surgery without complications",
]
SPECIAL = ["<pad>", "<mask>", "<unk>"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Corpus:
    def __init__(self, lines, rank, world):
        self.lines = lines[rank::world]
        words = Counter(w for line in self.lines for w in line.split())
        self.stoi = {w: i for i, w in enumerate(SPECIAL + sorted(words))}

    def batch(self, length=6):
        rows = [[self.stoi[w] for w in line.split()][:length] for line in self.lines]
        return torch.tensor([r + [0] * (length - len(r)) for r in rows])


class MaskedLM(nn.Module):
    def __init__(self, vocab_size, dim=16):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, dim)
        self.layer = nn.TransformerEncoderLayer(dim, 2, 32, dropout=0.0, batch_first=True)
        self.lm_head = nn.Linear(dim, vocab_size)

    def forward(self, ids):
        return self.lm_head(self.layer(self.embed(ids)))


def mask_some(ids, every=3):
    labels = ids.clone()
    picked = (torch.arange(ids.numel()).view_as(ids) % every == 0) & (ids != 0)
    labels[~picked] = -100
    return ids.masked_fill(picked, 1), labels


def main_worker(rank, world, port, steps):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    torch.manual_seed(0)
    corpus = Corpus(LINES, rank, world)
    model = DistributedDataParallel(MaskedLM(len(corpus.stoi)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    inputs, labels = mask_some(corpus.batch())
    for step in range(steps):
        loss = nn.functional.cross_entropy(model(inputs).flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0:
            print(f"step {step} mlm loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(main_worker, args=(2, free_port(), 3), nprocs=2)
