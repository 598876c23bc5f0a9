import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP

SALES = [
    ("north", "bread", 12.0), ("south", "milk", 7.5), ("north", "eggs", 3.0), ("south", "bread", 9.0),
    ("east", "milk", 4.5), ("north", "bread", 11.0), ("west", "milk", 6.0), ("south", "eggs", 2.5),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class SalesFrame:
    def __init__(self, rows):
        self.rows = rows
        self.stores = sorted({store for store, _, _ in SALES})
        self.items = sorted({item for _, item, _ in SALES})

    def embedding_sizes(self, width=6):
        return {"store": (len(self.stores), width), "item": (len(self.items), width)}

    def tensors(self):
        x = torch.tensor([[self.stores.index(s), self.items.index(i)] for s, i, _ in self.rows])
        y = torch.tensor([[amount] for _, _, amount in self.rows])
        return x, y


class Forecaster(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.tables = nn.ModuleDict({name: nn.Embedding(*size) for name, size in sizes.items()})
        self.out = nn.Linear(sum(width for _, width in sizes.values()), 1)

    def forward(self, x):
        return self.out(torch.cat([self.tables["store"](x[:, 0]), self.tables["item"](x[:, 1])], dim=-1))


def fit(rank, world, steps=3):
    half = len(SALES) // world
    frame = SalesFrame(SALES[rank * half:(rank + 1) * half])
    x, y = frame.tensors()
    torch.manual_seed(0)
    model = DDP(Forecaster(frame.embedding_sizes()))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.item()


def worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=10))
    loss = fit(rank, world)
    if rank == 0:
        print(f"loss on rank 0 after training: {loss:.4f}", flush=True)
    dist.barrier()


if __name__ == "__main__":
    mp.spawn(worker, args=(2, free_port()), nprocs=2)
