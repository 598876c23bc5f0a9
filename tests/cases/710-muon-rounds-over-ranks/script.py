import datetime
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

WIDTH = 12


def orthogonalize(g, steps=3):
    x = g / (g.norm() + 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


class Muon:
    """Every rank computes the update of its own matrices; the new weights are exchanged in rounds."""

    def __init__(self, params, lr=0.02):
        self.params, self.lr = list(params), lr

    @torch.no_grad()
    def step(self):
        world, rank = dist.get_world_size(), dist.get_rank()
        spare = torch.empty_like(self.params[-1])
        padded = self.params + [spare] * (len(self.params) % world)
        for base in range(0, len(self.params), world):
            mine = spare
            if base + rank < len(self.params):
                mine = self.params[base + rank]
                mine.add_(orthogonalize(mine.grad), alpha=-self.lr)
            dist.all_gather(padded[base:base + world], mine.clone())


def worker(rank, world, store):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    torch.manual_seed(0)
    net = nn.Sequential(*[layer for _ in range(4) for layer in (nn.Linear(WIDTH, WIDTH, bias=False), nn.Tanh())])
    optimizer = Muon(net.parameters())
    x, y = torch.randn(30, WIDTH), torch.randn(30, WIDTH)
    for step in range(2):
        loss = (net(x) - y).pow(2).mean()
        loss.backward()
        optimizer.step()
        net.zero_grad()
        if rank == 0:
            print("step", step, "loss %.4f" % loss.item(), flush=True)
    dist.destroy_process_group()


def launch(world=3):
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, args=(world, os.path.join(folder, "store")), nprocs=world)


if __name__ == "__main__":
    launch()
