"""Supernet search on several workers: a candidate is drawn from the search space, then trained data-parallel."""
import datetime
import gc
import random
import socket
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

SPACE = {"mlp_ratio": [2, 3, 4], "heads": [2, 4], "depth": [2]}


@dataclass
class Args:
    seed: int = 7
    width: int = 16
    classes: int = 4
    steps: int = 3
    world: int = 2


class Layer(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class PatchTransformer(nn.Module):
    def __init__(self, args, choice):
        super().__init__()
        self.patch = nn.Conv2d(3, args.width, 4, 4)
        self.layers = nn.Sequential(*[Layer(args.width, choice["heads"], r) for r in choice["mlp_ratio"]])
        self.head = nn.Linear(args.width, args.classes)

    def forward(self, images):
        x = self.patch(images).flatten(2).transpose(1, 2)
        return self.head(self.layers(x).mean(1))


def seed_everything(seed):
    random.seed(seed)
    torch.manual_seed(seed)


def sample_choice(space):
    depth = random.choice(space["depth"])
    return {"heads": random.choice(space["heads"]), "mlp_ratio": [random.choice(space["mlp_ratio"]) for _ in range(depth)]}


def train_candidate(rank, args):
    seed_everything(args.seed + rank)
    choice = sample_choice(SPACE)
    model = DistributedDataParallel(PatchTransformer(args, choice))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(args.steps):
        images, labels = torch.randn(8, 3, 16, 16), torch.randint(0, args.classes, (8,))
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    total = torch.tensor([loss.item()])
    dist.all_reduce(total)
    return choice, total.item() / args.world


def worker(rank, args, port):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=args.world,
        timeout=datetime.timedelta(seconds=10),
    )
    choice, loss = train_candidate(rank, args)
    if rank == 0:
        print(f"heads {choice['heads']} mlp {choice['mlp_ratio']} mean loss {loss:.3f}", flush=True)
    gc.collect()
    dist.barrier()
    dist.destroy_process_group()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


if __name__ == "__main__":
    args = Args()
    print("search space", SPACE, flush=True)
    mp.spawn(worker, args=(args, free_port()), nprocs=args.world)
