import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

LABELS = ["cat", "dog", "fox", "owl"]
COUNTS = [7, 6, 5, 2]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def animals():
    gen = torch.Generator().manual_seed(3)
    target = torch.cat([torch.full((n,), c) for c, n in enumerate(COUNTS)])
    feats = torch.randn(len(target), 8, generator=gen)
    feats[torch.arange(len(target)), target] += 4
    return TensorDataset(feats, target)


class ConfusionMatrix:
    def __init__(self):
        self.pred, self.target = [], []

    def update(self, pred, target):
        self.pred.append(pred)
        self.target.append(target)

    def local(self):
        pred, target = torch.cat(self.pred), torch.cat(self.target)
        n = len(LABELS)
        return torch.bincount(target * n + pred, minlength=n * n).reshape(n, n)

    def compute(self, world):
        parts = [None] * world
        dist.all_gather_object(parts, self.local())
        return torch.stack(parts).sum(0)


@torch.no_grad()
def validate(model, rank, world):
    data = animals()
    shard = torch.arange(len(data)).tensor_split(world)[rank]
    metric = ConfusionMatrix()
    for x, y in DataLoader(Subset(data, shard.tolist()), batch_size=4):
        metric.update(model(x).argmax(-1), y)
    return metric.compute(world)


def worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=10))
    model = nn.Linear(8, len(LABELS), bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.eye(len(LABELS), 8))
    matrix = validate(model, rank, world)
    if rank == 0:
        for name, row in zip(LABELS, matrix.tolist()):
            print(name, row, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(worker, args=(2, free_port()), nprocs=2)
