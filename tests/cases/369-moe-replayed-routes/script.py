import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

CONFIG = dict(hidden=8, experts=4, topk=2, tokens=6, generated=4, ep=2, replay=True)


class RouterReplay:
    """Keeps the experts the rollout engine chose, so that training takes the same ones."""

    def __init__(self, tokens, topk):
        self.recorded = torch.zeros(tokens, topk, dtype=torch.long)

    def record(self, indices):
        self.recorded[:len(indices)] = indices

    def topk(self, scores, k, enabled):
        indices = self.recorded if enabled else scores.topk(k, dim=1).indices
        return scores.gather(1, indices), indices


class AlltoAllDispatcher:
    def __init__(self, experts, ep):
        self.experts, self.ep = experts, ep

    def preprocess(self, top_indices):
        owner = top_indices.flatten() // (self.experts // self.ep)
        self.input_splits = torch.bincount(owner, minlength=self.ep)
        self.output_splits = torch.empty_like(self.input_splits)
        dist.all_to_all_single(self.output_splits, self.input_splits)

    def permute(self, hidden, routing_map):
        expert, token = routing_map.t().nonzero(as_tuple=True)
        return hidden[token], token, expert

    def exchange(self, rows, out_splits, in_splits):
        out = rows.new_empty(int(out_splits.sum()), *rows.shape[1:])
        dist.all_to_all_single(out, rows.contiguous(), out_splits.tolist(), in_splits.tolist())
        return out


class MoELayer(nn.Module):
    def __init__(self, cfg, rank):
        super().__init__()
        self.cfg, self.rank = cfg, rank
        self.router = nn.Linear(cfg["hidden"], cfg["experts"], bias=False)
        self.w = nn.Parameter(0.3 * torch.randn(cfg["experts"], cfg["hidden"], cfg["hidden"]))
        self.dispatcher = AlltoAllDispatcher(cfg["experts"], cfg["ep"])

    def forward(self, hidden, replay):
        cfg, d = self.cfg, self.dispatcher
        scores = self.router(hidden).softmax(-1)
        probs, indices = replay.topk(scores, cfg["topk"], cfg["replay"])
        routing_map = torch.zeros_like(scores, dtype=torch.bool).scatter(1, indices, True)
        d.preprocess(indices)
        rows, token, expert = d.permute(hidden, routing_map)
        received = d.exchange(rows, d.output_splits, d.input_splits)
        ids = d.exchange(expert, d.output_splits, d.input_splits)
        done = torch.einsum("nh,nhk->nk", received, self.w[ids]).relu()
        back = d.exchange(done, d.input_splits, d.output_splits)
        return torch.zeros_like(hidden).index_add(0, token, back * scores[token, expert, None])


@torch.no_grad()
def compute_log_prob(rank, world, port):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=10))
    torch.manual_seed(0)
    layer = MoELayer(CONFIG, rank)
    torch.manual_seed(1 + rank)
    generated = CONFIG["generated"]
    replay = RouterReplay(CONFIG["tokens"], CONFIG["topk"])
    replay.record(torch.rand(generated, CONFIG["experts"]).topk(CONFIG["topk"], dim=1).indices)
    out = layer(torch.randn(CONFIG["tokens"], CONFIG["hidden"]), replay)
    total = out[:generated].norm(dim=-1).sum()
    dist.all_reduce(total)
    if rank == 0:
        print(f"activation norm over {world} ranks: {total.item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    mp.spawn(compute_log_prob, args=(CONFIG["ep"], port), nprocs=CONFIG["ep"])
