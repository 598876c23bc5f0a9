from itertools import cycle

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def scans(n, seed, labelled):
    gen = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, 16, 16, generator=gen)
    if not labelled:
        return TensorDataset(x)
    return TensorDataset(x, (x[:, 0] > 0.3).long())


def build():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))


@torch.no_grad()
def ema_update(teacher, student, decay=0.9):
    for t, s in zip(teacher.parameters(), student.parameters()):
        t.mul_(decay).add_(s, alpha=1 - decay)


def epoch_pairs(lab_loader, unlab_loader):
    return zip(lab_loader, cycle(unlab_loader))


def train(student, teacher, lab_loader, unlab_loader, epochs=2):
    optim = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        seen, total = 0, 0.0
        for (x, y), (u,) in epoch_pairs(lab_loader, unlab_loader):
            with torch.no_grad():
                pseudo = teacher(u).argmax(1)
            supervised = F.cross_entropy(student(x), y)
            consistency = F.cross_entropy(student(u + 0.1 * torch.randn_like(u)), pseudo)
            loss = supervised + 0.5 * consistency
            optim.zero_grad()
            loss.backward()
            optim.step()
            ema_update(teacher, student)
            seen += len(x)
            total += supervised.item() * len(x)
        print(f"epoch {epoch}: supervised loss {total / seen:.4f} on {seen} annotated scans")


def main():
    torch.manual_seed(0)
    annotated, raw = scans(20, 1, True), scans(12, 2, False)
    print(f"{len(annotated)} annotated scans, {len(raw)} without labels")
    student, teacher = build(), build()
    teacher.load_state_dict(student.state_dict())
    train(student, teacher, DataLoader(annotated, 2, shuffle=True), DataLoader(raw, 4, shuffle=True))


if __name__ == "__main__":
    main()
