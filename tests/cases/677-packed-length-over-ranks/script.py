"""Packed batches on a vocabulary-parallel embedding whose output is sharded along the sequence."""
import datetime
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

CONFIG = {"tensor_parallel": 2, "pack_limit": 24, "pad_sequence_to": 1, "vocab": 48, "dim": 16}
PAD, IGNORE = 0, -100


def samples():
    gen = torch.Generator().manual_seed(11)
    return [torch.randint(1, CONFIG["vocab"], (n,), generator=gen) for n in (9, 5, 10, 7, 8, 4, 6)]


def pack(sequences, limit, multiple):
    packs, used = [[]], 0
    for seq in sequences:
        seq = F.pad(seq, (0, -len(seq) % multiple), value=PAD)
        if used + len(seq) > limit:
            packs.append([])
            used = 0
        packs[-1].append(seq)
        used += len(seq)
    return [torch.cat(p) for p in packs]


def reduce_scatter_first_dim(x, world):
    shard = x.new_empty(x.size(0) // world, x.size(1))
    dist.reduce_scatter_tensor(shard, x)
    return shard


class VocabParallelEmbedding:
    def __init__(self, table, rank, world):
        self.rows, self.world = table.size(0) // world, world
        self.first = rank * self.rows
        self.weight = table[self.first:self.first + self.rows]

    def __call__(self, ids):
        local = ids - self.first
        outside = (local < 0) | (local >= self.rows)
        hidden = F.embedding(local.masked_fill(outside, 0), self.weight)
        return reduce_scatter_first_dim(hidden.masked_fill(outside[:, None], 0.0), self.world)


def evaluate(rank, world):
    gen = torch.Generator().manual_seed(0)
    table = torch.randn(CONFIG["vocab"], CONFIG["dim"], generator=gen)
    embed = VocabParallelEmbedding(table, rank, world)
    for number, ids in enumerate(pack(samples(), CONFIG["pack_limit"], CONFIG["pad_sequence_to"])):
        hidden = F.layer_norm(embed(ids), (CONFIG["dim"],))
        labels = ids.masked_fill(ids == PAD, IGNORE).chunk(world)[rank]
        loss = F.cross_entropy(hidden @ table.T, labels, ignore_index=IGNORE, reduction="sum")
        totals = torch.stack([loss, (labels != IGNORE).sum().float()])
        dist.all_reduce(totals)
        if rank == 0:
            print(f"pack {number}: {int(totals[1])} tokens, loss {totals[0] / totals[1]:.3f}", flush=True)


def worker(rank, world, store):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=20))
    evaluate(rank, world)
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, args=(CONFIG["tensor_parallel"], os.path.join(folder, "store")), nprocs=CONFIG["tensor_parallel"])
