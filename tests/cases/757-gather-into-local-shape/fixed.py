import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

SAMPLES = 21


def find_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Metric:
    """Collects scores and labels on every rank, computes once on rank 0."""

    def __init__(self, rank, world):
        self.rank, self.world = rank, world
        self.scores, self.labels = [], []

    def update(self, scores, labels):
        self.scores.append(scores)
        self.labels.append(labels)

    def sync(self, result):
        rows = [len(range(r, SAMPLES, self.world)) for r in range(self.world)]
        padded = torch.cat([result, result.new_zeros(max(rows) - len(result), *result.shape[1:])])
        gathered = [torch.zeros_like(padded) for _ in range(self.world)] if self.rank == 0 else None
        dist.gather(padded, gathered, dst=0)
        return gathered and [g[:n] for g, n in zip(gathered, rows)]

    def compute(self):
        scores, labels = self.sync(torch.cat(self.scores)), self.sync(torch.cat(self.labels))
        if self.rank != 0:
            return None
        scores, labels = torch.cat(scores), torch.cat(labels)
        accuracy = (scores.argmax(1) == labels).float().mean().item()
        return {"n": len(labels), "accuracy": round(accuracy, 4), "mean_score": round(scores.amax(1).mean().item(), 4)}


def dataset():
    gen = torch.Generator().manual_seed(4)
    x = torch.randn(SAMPLES, 6, generator=gen)
    return TensorDataset(x, x[:, :3].argmax(1))


def worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)).eval()
    local = Subset(dataset(), range(rank, SAMPLES, world))
    metric = Metric(rank, world)
    with torch.no_grad():
        for x, y in DataLoader(local, batch_size=4):
            metric.update(model(x).softmax(-1), y)
    result = metric.compute()
    if result:
        print(f"validation on {world} processes", result, flush=True)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(worker, args=(2, find_port()), nprocs=2)
