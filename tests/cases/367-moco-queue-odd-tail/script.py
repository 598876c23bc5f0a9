import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class DarkFaces(Dataset):
    """Crops of faces, each in a lit and an artificially darkened version."""

    def __init__(self, n):
        gen = torch.Generator().manual_seed(5)
        self.crops = torch.rand(n, 3, 12, 12, generator=gen)

    def __len__(self):
        return len(self.crops)

    def __getitem__(self, i):
        return self.crops[i], (0.3 * self.crops[i]).pow(1.2)


class ContrastiveHead(nn.Module):
    def __init__(self, dim, K, m, T):
        super().__init__()
        self.K, self.m, self.T = K, m, T
        self.encoder_q, self.encoder_k = self.encoder(dim), self.encoder(dim)
        self.encoder_k.load_state_dict(self.encoder_q.state_dict())
        self.encoder_k.requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(dim, K), dim=0))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @staticmethod
    def encoder(dim):
        return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 25, dim))

    @torch.no_grad()
    def _momentum_update(self):
        for q, k in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
            k.mul_(self.m).add_(q, alpha=1 - self.m)

    @torch.no_grad()
    def _dequeue_and_enqueue(self, keys):
        batch_size = keys.shape[0]
        ptr = int(self.queue_ptr)
        self.queue[:, ptr:ptr + batch_size] = keys.T
        self.queue_ptr[0] = (ptr + batch_size) % self.K

    def forward(self, im_q, im_k):
        q = F.normalize(self.encoder_q(im_q), dim=1)
        with torch.no_grad():
            self._momentum_update()
            k = F.normalize(self.encoder_k(im_k), dim=1)
        l_pos = (q * k).sum(1, keepdim=True)
        logits = torch.cat([l_pos, q @ self.queue.clone()], dim=1) / self.T
        self._dequeue_and_enqueue(k)
        return logits, torch.zeros(len(logits), dtype=torch.long)


def main(args):
    torch.manual_seed(args.seed)
    loader = DataLoader(DarkFaces(args.faces), batch_size=args.batch_size, shuffle=True)
    head = ContrastiveHead(args.dim, args.queue, args.momentum, args.temperature)
    opt = torch.optim.SGD(head.encoder_q.parameters(), lr=0.03, momentum=0.9)
    for epoch in range(args.epochs):
        for lit, dark in loader:
            logits, target = head(dark, lit)
            loss = F.cross_entropy(logits, target)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {epoch} contrast {loss.item():.4f} top1 {(logits.argmax(1) == 0).float().mean():.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--faces", type=int, default=70)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--dim", type=int, default=24)
    parser.add_argument("--momentum", type=float, default=0.99)
    parser.add_argument("--temperature", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args([]))
