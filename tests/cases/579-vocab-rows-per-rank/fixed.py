"""Two ranks train a small language model; every rank keeps the Adam state of its slice of each table."""
import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

CONFIG = {"vocab_size": 320, "width": 16, "block": 12, "lr": 3e-3, "steps": 3}


class TinyGPT(nn.Module):
    def __init__(self, vocab_size, width):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, width)
        self.mix = nn.Linear(width, width, bias=False)
        self.lm_head = nn.Linear(width, vocab_size, bias=False)

    def forward(self, ids):
        x = self.wte(ids)
        x = x + torch.tanh(self.mix(x.cumsum(1)))
        return self.lm_head(x)


class DistAdam:
    def __init__(self, params, lr, betas=(0.9, 0.95)):
        self.params, self.lr, self.betas = list(params), lr, betas
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.state = {}

    @torch.no_grad()
    def step(self):
        for p in self.params:
            dist.all_reduce(p.grad)
            rows = p.shape[0] // self.world
            part = slice(self.rank * rows, (self.rank + 1) * rows)
            grad = p.grad[part] / self.world
            m, v = self.state.setdefault(p, (torch.zeros_like(grad), torch.zeros_like(grad)))
            m.lerp_(grad, 1 - self.betas[0])
            v.lerp_(grad * grad, 1 - self.betas[1])
            fresh = p[part] - self.lr * m / (v.sqrt() + 1e-8)
            dist.all_gather_into_tensor(p.data, fresh)
            p.grad = None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def train(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=10))
    torch.manual_seed(0)
    model = TinyGPT(CONFIG["vocab_size"], CONFIG["width"])
    optimizer = DistAdam(model.parameters(), CONFIG["lr"])
    g = torch.Generator().manual_seed(rank)
    for step in range(CONFIG["steps"]):
        ids = torch.randint(0, 257, (4, CONFIG["block"] + 1), generator=g)
        logits = model(ids[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        if rank == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(train, args=(2, free_port()), nprocs=2)
