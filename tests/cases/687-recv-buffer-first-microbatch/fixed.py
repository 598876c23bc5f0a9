"""Pipeline schedule over a small language model whose layers are spread over stages."""
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, DIM, SEQ = 50, 24, 12


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(DIM)
        self.mlp = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Linear(2 * DIM, DIM))

    def forward(self, x):
        return x + self.mlp(self.norm(x))


class Stage:
    """Owns a slice of the model and the memory that the previous stage sends its activations to."""

    def __init__(self, index, module):
        self.index, self.module = index, module
        self.inbox = None

    def recv(self, activations):
        if self.inbox is None:
            self.inbox = torch.empty_like(activations)
        self.inbox[: len(activations)].copy_(activations.detach())
        return self.inbox[: len(activations)].clone().requires_grad_()

    def forward_one_chunk(self, chunk):
        received = chunk if self.index == 0 else self.recv(chunk)
        return received, self.module(received)


class GPipe:
    def __init__(self, stages, n_microbatches):
        self.stages, self.n_microbatches = stages, n_microbatches

    def step(self, tokens, targets):
        losses = []
        for chunk, target in zip(tokens.chunk(self.n_microbatches), targets.chunk(self.n_microbatches)):
            tape = []
            for stage in self.stages:
                received, chunk = stage.forward_one_chunk(chunk)
                tape.append((received, chunk))
            loss = F.cross_entropy(chunk.flatten(0, 1), target.flatten(), reduction="sum") / targets.numel()
            loss.backward()
            for (received, _), (_, sent) in zip(tape[:0:-1], tape[-2::-1]):
                sent.backward(received.grad)
            losses.append(loss.item())
        return sum(losses)


def split_model(pp_degree, layers=6):
    blocks = [Block() for _ in range(layers)]
    per_stage = layers // pp_degree
    parts = [blocks[i:i + per_stage] for i in range(0, layers, per_stage)]
    parts[0].insert(0, nn.Embedding(VOCAB, DIM))
    parts[-1].append(nn.Linear(DIM, VOCAB))
    return [Stage(i, nn.Sequential(*part)) for i, part in enumerate(parts)]


def train(pp_degree, batch_size=8, steps=3):
    torch.manual_seed(0)
    stages = split_model(pp_degree)
    schedule = GPipe(stages, n_microbatches=pp_degree)
    optimizer = torch.optim.AdamW([p for s in stages for p in s.module.parameters()], lr=1e-2)
    for step in range(steps):
        data = torch.randint(0, VOCAB, (batch_size, SEQ + 1))
        optimizer.zero_grad()
        loss = schedule.step(data[:, :-1], data[:, 1:])
        optimizer.step()
        print(f"pp {pp_degree} step {step} loss {loss:.4f}")


if __name__ == "__main__":
    for degree in (2, 3):
        train(degree)
