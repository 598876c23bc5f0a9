import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn

PROMPTS = ["add 2 3", "add 4 4", "sub 9 1", "mul 3 3", "sub 5 5", "add 1 6", "mul 2 7"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Scorer(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.embed = nn.EmbeddingBag(128, dim)
        self.reward = nn.Linear(dim, 1)

    def forward(self, ids):
        return self.reward(self.embed(ids)).squeeze(-1)


def encode(prompts):
    return torch.tensor([[ord(c) for c in p] for p in prompts])


def my_rows(ids, rank, world):
    size = len(ids) // world
    return ids[rank * size:(rank + 1) * size]


@torch.no_grad()
def sample(model, ids, rank, world):
    rewards = model(my_rows(ids, rank, world))
    parts = [torch.zeros_like(rewards) for _ in range(world)]
    dist.all_gather(parts, rewards)
    return torch.cat(parts)


def worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    torch.manual_seed(0)
    rewards = sample(Scorer().eval(), encode(PROMPTS), rank, world)
    if rank == 0:
        best = rewards.argmax().item()
        print(f"{len(PROMPTS)} prompts, {len(rewards)} rewards", flush=True)
        print(f"best: {PROMPTS[best]!r} with {rewards[best].item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(worker, args=(2, free_port()), nprocs=2)
