import socket
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn

WORLD, VOCAB, DIM = 2, 40, 12


class ExpertLayer(nn.Module):
    """One expert lives on each rank; the routing of the rollout is replayed in training."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(DIM, WORLD, bias=False)
        self.expert = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Linear(2 * DIM, DIM))
        self.recorded = None

    def route(self, choice):
        send = torch.bincount(choice, minlength=WORLD)
        recv = torch.empty_like(send)
        dist.all_to_all_single(recv, send)
        return send.tolist(), recv.tolist()

    def forward(self, x, replay=False):
        choice = self.router(x).argmax(-1)
        order = choice.argsort(stable=True)
        if not replay:
            self.recorded = self.route(choice)
        send, recv = self.recorded
        inbox = x.new_empty(sum(recv), DIM)
        dist.all_to_all_single(inbox, x[order], recv, send)
        outbox, mixed = self.expert(inbox), torch.empty_like(x)
        dist.all_to_all_single(mixed, outbox, send, recv)
        return x + mixed[order.argsort()]


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.layer, self.head = nn.Embedding(VOCAB, DIM), ExpertLayer(), nn.Linear(DIM, VOCAB)

    def rollout(self, tokens):
        return self.head(self.layer(self.embed(tokens)))

    def compute_log_prob(self, tokens):
        hidden = self.layer(self.embed(tokens[:-1]), replay=True)
        logp = F.log_softmax(self.head(hidden), dim=-1)
        return logp.gather(1, tokens[1:, None]).squeeze(1)


def worker(rank, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORLD,
                            timeout=timedelta(seconds=10))
    torch.manual_seed(0)
    actor = Actor().eval()
    tokens = torch.randint(0, VOCAB, (WORLD, 9))[rank]
    with torch.no_grad():
        entropy = torch.distributions.Categorical(logits=actor.rollout(tokens)).entropy().mean()
        logp = actor.compute_log_prob(tokens)
    if rank == 0:
        print(f"entropy {entropy:.3f}, log prob {logp.sum():.3f} of {len(logp)} tokens", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        free = s.getsockname()[1]
    mp.spawn(worker, args=(free,), nprocs=WORLD)
