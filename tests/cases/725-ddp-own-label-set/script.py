import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

UTTERANCES = [
    ("wake me at seven", "alarm"), ("will it rain", "weather"), ("play some jazz", "music"),
    ("remind me to call", "reminder"), ("set a timer", "alarm"), ("how cold is it", "weather"),
    ("stop the song", "music"), ("any snow today", "weather"), ("next track please", "music"),
    ("turn the alarm off", "alarm"), ("how dry is the air", "weather"), ("is it windy", "weather"),
]


class LabelTensorizer:
    def __init__(self):
        self.vocab = {}

    def initialize(self, rows):
        for _, label in rows:
            self.vocab.setdefault(label, len(self.vocab))

    def numberize(self, rows):
        return torch.tensor([self.vocab[label] for _, label in rows])


class TokenTensorizer:
    buckets = 97

    def numberize(self, rows, width=6):
        ids = [[1 + sum(map(ord, w)) % (self.buckets - 1) for w in text.split()][:width] for text, _ in rows]
        return torch.tensor([row + [0] * (width - len(row)) for row in ids])


class ShardedDataSource:
    def __init__(self, rows, rank, world):
        self.rows, self.rank, self.world = rows, rank, world

    @property
    def train(self):
        size = len(self.rows) // self.world
        return self.rows[self.rank * size:(self.rank + 1) * size]


class DocModel(nn.Module):
    def __init__(self, buckets, labels, width=16):
        super().__init__()
        self.embedding = nn.EmbeddingBag(buckets, width, padding_idx=0)
        self.decoder = nn.Linear(width, labels)

    def forward(self, ids):
        return self.decoder(self.embedding(ids))


def train_worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    torch.manual_seed(0)
    source = ShardedDataSource(UTTERANCES, rank, world)
    tokens, labels = TokenTensorizer(), LabelTensorizer()
    labels.initialize(source.train)
    model = DistributedDataParallel(DocModel(tokens.buckets, len(labels.vocab)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    ids, gold = tokens.numberize(source.train), labels.numberize(source.train)
    for epoch in range(3):
        loss = nn.functional.cross_entropy(model(ids), gold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0:
            print(f"epoch {epoch} labels {len(labels.vocab)} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    mp.spawn(train_worker, args=(2, port), nprocs=2)
