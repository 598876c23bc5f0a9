import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

WORLD, PER_NODE = 2, 1


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class ShardedSGD:
    """Every rank of the group keeps and updates one slice of the flat parameters."""

    def __init__(self, module, shard_group, reduce_group, lr):
        self.params = list(module.parameters())
        self.lr, self.reduce_group = lr, reduce_group
        self.multiple = dist.get_world_size(reduce_group)
        self.parts = dist.get_world_size(reduce_group)

    def flat(self, tensors):
        vector = torch.cat([t.detach().reshape(-1) for t in tensors])
        return nn.functional.pad(vector, (0, -vector.numel() % self.multiple))

    @torch.no_grad()
    def step(self):
        grads = self.flat([p.grad for p in self.params])
        mine = torch.empty(grads.numel() // self.parts)
        dist.reduce_scatter_tensor(mine, grads, group=self.reduce_group)
        weights = self.flat(self.params).view(self.parts, -1)[dist.get_rank(self.reduce_group)]
        everything = torch.empty_like(grads)
        dist.all_gather_into_tensor(everything, weights - self.lr * mine / self.parts, group=self.reduce_group)
        offset = 0
        for p in self.params:
            p.copy_(everything[offset:offset + p.numel()].view_as(p))
            offset += p.numel()


def train(rank, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORLD,
                            timeout=datetime.timedelta(seconds=20))
    nodes = [dist.new_group(list(range(n, n + PER_NODE))) for n in range(0, WORLD, PER_NODE)]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))
    optimizer = ShardedSGD(model, nodes[rank // PER_NODE], dist.group.WORLD, lr=0.1)
    data = torch.Generator().manual_seed(rank)
    for step in range(2):
        x = torch.randn(8, 4, generator=data)
        loss = (model(x) - x.flip(1)).square().mean()
        model.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    print("ranks", WORLD, "per node", PER_NODE, flush=True)
    mp.spawn(train, args=(free_port(),), nprocs=WORLD)
