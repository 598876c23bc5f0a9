import random
from collections import defaultdict
from types import SimpleNamespace

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, Sampler

cfg = SimpleNamespace(
    DATALOADER=SimpleNamespace(SAMPLER="softmax", NUM_INSTANCE=4),
    MODEL=SimpleNamespace(METRIC_LOSS_TYPE="triplet", FEAT=16),
    SOLVER=SimpleNamespace(IMS_PER_BATCH=16, BASE_LR=3e-3, MARGIN=0.3, MAX_EPOCHS=2),
)


class Market(Dataset):
    def __init__(self, pids=8, per_pid=8):
        g = torch.Generator().manual_seed(5)
        self.pids = torch.arange(pids).repeat_interleave(per_pid)
        tint = torch.rand(pids, 3, 1, 1, generator=g)
        self.images = tint[self.pids] + 0.2 * torch.randn(pids * per_pid, 3, 16, 8, generator=g)

    def __len__(self):
        return len(self.pids)

    def __getitem__(self, i):
        return self.images[i], self.pids[i]


class RandomIdentitySampler(Sampler):
    def __init__(self, data, num_instances):
        self.k = num_instances
        self.index = defaultdict(list)
        for i, pid in enumerate(data.pids.tolist()):
            self.index[pid].append(i)

    def __iter__(self):
        chunks = []
        for rows in self.index.values():
            rows = random.sample(rows, len(rows))
            chunks.append([rows[i:i + self.k] for i in range(0, len(rows), self.k)])
        for group in zip(*chunks):
            for rows in random.sample(group, len(group)):
                yield from rows

    def __len__(self):
        return sum(map(len, self.index.values()))


def make_data_loader(cfg, train_set):
    batch = cfg.SOLVER.IMS_PER_BATCH
    if cfg.DATALOADER.SAMPLER == "softmax":
        return DataLoader(train_set, batch_size=batch, shuffle=True, drop_last=True)
    sampler = RandomIdentitySampler(train_set, cfg.DATALOADER.NUM_INSTANCE)
    return DataLoader(train_set, batch_size=batch, sampler=sampler, drop_last=True)


def hard_example_mining(dist_mat, labels):
    N = dist_mat.size(0)
    is_pos = labels.expand(N, N).eq(labels.expand(N, N).t())
    is_neg = ~is_pos
    dist_ap = dist_mat[is_pos].contiguous().view(N, -1).max(1).values
    dist_an = dist_mat[is_neg].contiguous().view(N, -1).min(1).values
    return dist_ap, dist_an


def triplet_loss(feat, labels, margin):
    dist_ap, dist_an = hard_example_mining(torch.cdist(feat, feat), labels)
    return nn.functional.margin_ranking_loss(dist_an, dist_ap, torch.ones_like(dist_an), margin=margin)


def do_train(cfg):
    random.seed(0)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, cfg.MODEL.FEAT, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = nn.Linear(cfg.MODEL.FEAT, 8)
    optimizer = torch.optim.Adam([*model.parameters(), *classifier.parameters()], cfg.SOLVER.BASE_LR)
    for epoch in range(cfg.SOLVER.MAX_EPOCHS):
        for images, pids in make_data_loader(cfg, Market()):
            feat = model(images)
            loss = nn.functional.cross_entropy(classifier(feat), pids)
            if cfg.MODEL.METRIC_LOSS_TYPE == "triplet":
                loss = loss + triplet_loss(feat, pids, cfg.SOLVER.MARGIN)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"Epoch[{epoch + 1}] Loss: {loss.item():.3f}")


do_train(cfg)
