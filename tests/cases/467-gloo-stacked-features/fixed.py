"""Contrastive image-text training: every rank sees the features of all ranks as negatives."""
import datetime
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F

PER_RANK, WIDTH, STEPS = 6, 8, 2


class TwoTowers(nn.Module):
    def __init__(self, image_dim, text_dim, width):
        super().__init__()
        self.image = nn.Linear(image_dim, width)
        self.text = nn.Linear(text_dim, width)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image, text):
        return F.normalize(self.image(image), dim=-1), F.normalize(self.text(text), dim=-1)


def gather_features(features):
    world = dist.get_world_size()
    stacked = features.new_empty(world * features.size(0), features.size(1))
    dist.all_gather_into_tensor(stacked, features.detach().contiguous())
    return stacked


def contrastive_loss(model, image_features, text_features, rank):
    all_text = gather_features(text_features)
    all_image = gather_features(image_features)
    rows = image_features.size(0)
    target = torch.arange(rows) + rank * rows
    scale = model.scale.exp()
    return (F.cross_entropy(scale * image_features @ all_text.T, target)
            + F.cross_entropy(scale * text_features @ all_image.T, target)) / 2


def average_gradients(model):
    for p in model.parameters():
        dist.all_reduce(p.grad)
        p.grad /= dist.get_world_size()


def worker(rank, world, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=10))
    torch.manual_seed(0)
    model = TwoTowers(20, 12, WIDTH)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    g = torch.Generator().manual_seed(rank)
    for step in range(STEPS):
        image, text = torch.randn(PER_RANK, 20, generator=g), torch.randn(PER_RANK, 12, generator=g)
        loss = contrastive_loss(model, *model(image, text), rank)
        optimizer.zero_grad()
        loss.backward()
        average_gradients(model)
        optimizer.step()
        if rank == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


if __name__ == "__main__":
    mp.spawn(worker, args=(2, free_port()), nprocs=2)
