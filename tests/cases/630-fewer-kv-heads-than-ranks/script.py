"""Sequence parallel attention: every rank holds a slice of the sequence and swaps it for a slice of the heads."""
import datetime
import socket
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    name: str
    num_attention_heads: int
    num_key_value_heads: int
    hidden_size: int = 32

    @property
    def head_dim(self):
        return self.hidden_size // self.num_attention_heads


MODELS = [Config("plain", 4, 4), Config("grouped", 4, 2), Config("single", 4, 1)]


def all_to_all_tensor(x, scatter_dim, gather_dim):
    world = dist.get_world_size()
    input_list = [t.contiguous() for t in torch.tensor_split(x, world, scatter_dim)]
    output_list = [torch.empty_like(input_list[0]) for _ in range(world)]
    dist.all_to_all(output_list, input_list)
    return torch.cat(output_list, dim=gather_dim).contiguous()


class UlyssesAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.q_proj = nn.Linear(config.hidden_size, config.num_attention_heads * config.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * config.head_dim, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * config.head_dim, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x):
        split = lambda t: t.unflatten(-1, (-1, self.config.head_dim))
        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        q, k, v = (all_to_all_tensor(t, scatter_dim=2, gather_dim=1) for t in (q, k, v))
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).transpose(1, 2)
        return self.o_proj(all_to_all_tensor(y, scatter_dim=1, gather_dim=2).flatten(2))


def check_parallel(config, cp_size):
    kv = config.num_key_value_heads
    assert config.num_attention_heads % cp_size == 0
    assert kv % cp_size == 0 or cp_size % kv == 0, f"{config.name}: {kv} kv heads on {cp_size} ranks"


@torch.no_grad()
def run(rank, world, config):
    check_parallel(config, world)
    torch.manual_seed(0)
    attention = UlyssesAttention(config)
    x = torch.randn(2, 8, config.hidden_size)
    local = attention(x.chunk(world, dim=1)[rank])
    norm = local.norm().square()
    dist.all_reduce(norm)
    if rank == 0:
        print(f"{config.name:<8} local {tuple(local.shape)} output norm {norm.sqrt().item():.4f}", flush=True)


def worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=10))
    for config in MODELS:
        run(rank, world, config)
    dist.destroy_process_group()


if __name__ == "__main__":
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    mp.spawn(worker, args=(2, port), nprocs=2)
