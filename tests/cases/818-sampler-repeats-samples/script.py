import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

WORLD = 2


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def eval_set(n=9):
    gen = torch.Generator().manual_seed(8)
    x = torch.randn(n, 6, generator=gen)
    return TensorDataset(x, (x.sum(1) > 0).long())


class Accuracy:
    def __init__(self):
        self.counts = torch.zeros(2)

    def update(self, logits, labels):
        self.counts += torch.tensor([(logits.argmax(1) == labels).sum(), labels.numel()])

    def compute(self):
        dist.all_reduce(self.counts)
        correct, total = self.counts.tolist()
        return correct / total, int(total)


def build_model():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).eval()


@torch.no_grad()
def evaluate(model, dataset, batch_size):
    sampler = DistributedSampler(dataset, shuffle=False)
    loader = DataLoader(dataset, batch_size=batch_size, sampler=sampler)
    metric = Accuracy()
    for x, y in loader:
        metric.update(model(x), y)
    return metric.compute()


def worker(rank, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORLD)
    accuracy, seen = evaluate(build_model(), eval_set(), batch_size=2)
    if rank == 0:
        print(f"accuracy {accuracy:.4f} over {seen} samples", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(worker, args=(free_port(),), nprocs=WORLD)
