import datetime
import os
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

os.environ.setdefault("TORCH_DISTRIBUTED_DEBUG", "DETAIL")
SAMPLES, BATCH = 17, 4


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rows_of(rank, world):
    gen = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, 6, generator=gen)
    y = x.sum(1, keepdim=True)
    return TensorDataset(x[rank::world], y[rank::world])


def train_epoch(model, loader, lr=0.05):
    history = []
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for param, grad in zip(model.parameters(), grads):
                param -= lr * grad
        history.append(loss.item())
    return history


def global_mean(history):
    losses = torch.tensor([sum(history), len(history)])
    dist.all_reduce(losses)
    return (losses[0] / losses[1]).item()


def worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    torch.manual_seed(0)
    model = nn.Linear(6, 1)
    loader = DataLoader(rows_of(rank, world), batch_size=BATCH)
    for epoch in range(2):
        mean = global_mean(train_epoch(model, loader))
        if rank == 0:
            print(f"epoch {epoch} loss over both ranks {mean:.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(worker, args=(2, free_port()), nprocs=2)
