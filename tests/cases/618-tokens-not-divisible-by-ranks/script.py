"""Sequence-parallel serving: the tokens of a decoding step are shared out over the ranks, the logits are collected again."""
import datetime
import socket
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

RANKS, VOCAB = 2, 32


@dataclass
class Sequence:
    tokens: list
    budget: int
    made: list = field(default_factory=list)


class NextToken(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(VOCAB, width)
        self.mlp = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, VOCAB))

    def forward(self, ids):
        return self.mlp(self.embed(ids))


class Runner:
    def __init__(self, model, rank, sp_size, max_num_seqs):
        self.model, self.rank, self.sp_size, self.max_num_seqs = model, rank, sp_size, max_num_seqs

    def execute(self, ids):
        total = len(ids)
        per_rank = total // self.sp_size
        offset = self.rank * per_rank
        local = self.model(ids[offset:offset + per_rank])
        logits = local.new_empty(total, VOCAB)
        dist.all_gather_into_tensor(logits, local)
        return logits

    @torch.no_grad()
    def serve(self, requests):
        waiting, running, steps = list(requests), [], []
        while waiting or running:
            while waiting and len(running) < self.max_num_seqs:
                running.append(waiting.pop(0))
            logits = self.execute(torch.tensor([s.tokens[-1] for s in running]))
            for sequence, token in zip(running, logits.argmax(-1).tolist()):
                sequence.tokens.append(token)
                sequence.made.append(token)
            steps.append(len(running))
            running = [s for s in running if len(s.made) < s.budget]
        return steps


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def worker(rank, port, max_num_seqs):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=RANKS,
                            timeout=datetime.timedelta(seconds=20))
    requests = [Sequence([i + 3], budget) for i, budget in enumerate((3, 5, 4, 6, 7, 8, 6, 9, 5, 6))]
    steps = Runner(NextToken(), rank, RANKS, max_num_seqs).serve(requests)
    if rank == 0:
        print("sequences a step:", steps)
        for sequence in requests:
            print(sequence.tokens[0], "->", sequence.made, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(worker, args=(free_port(), 8), nprocs=RANKS)
