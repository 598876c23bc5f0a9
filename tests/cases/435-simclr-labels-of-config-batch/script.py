import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--batch-size", type=int, default=16)
    p.add_argument("--n-views", type=int, default=2)
    p.add_argument("--temperature", type=float, default=0.07)
    p.add_argument("--out-dim", type=int, default=16)
    p.add_argument("--epochs", type=int, default=1)
    return p.parse_args([])


class ContrastiveViews(Dataset):
    def __init__(self, images, n_views):
        self.images, self.n_views = images, n_views

    def __len__(self):
        return len(self.images)

    def augment(self, img):
        top, left = torch.randint(0, 8, (2,)).tolist()
        img = img[:, top:top + 24, left:left + 24]
        return img.flip(-1) if torch.rand(()) < 0.5 else img

    def __getitem__(self, i):
        return [self.augment(self.images[i]) for _ in range(self.n_views)]


class SimCLR:
    def __init__(self, model, optimizer, args):
        self.model, self.optimizer, self.args = model, optimizer, args
        self.criterion = nn.CrossEntropyLoss()
        self.same_image = self.pairing(args.batch_size)

    def pairing(self, n):
        ids = torch.arange(n).repeat(self.args.n_views)
        return ids.unsqueeze(0) == ids.unsqueeze(1)

    def info_nce_loss(self, features):
        features = F.normalize(features, dim=1)
        similarity = features @ features.t()
        diagonal = torch.eye(len(self.same_image), dtype=torch.bool)
        labels = self.same_image[~diagonal].view(len(self.same_image), -1)
        similarity = similarity[~diagonal].view(similarity.shape[0], -1)
        positives = similarity[labels].view(labels.shape[0], -1)
        negatives = similarity[~labels].view(similarity.shape[0], -1)
        logits = torch.cat([positives, negatives], dim=1)
        return logits / self.args.temperature, torch.zeros(len(logits), dtype=torch.long)

    def train(self, loader):
        for epoch in range(self.args.epochs):
            for step, views in enumerate(loader):
                logits, target = self.info_nce_loss(self.model(torch.cat(views, dim=0)))
                loss = self.criterion(logits, target)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                print(f"epoch {epoch} step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    args = get_args()
    torch.manual_seed(0)
    data = ContrastiveViews(torch.rand(54, 3, 32, 32), args.n_views)
    encoder = nn.Sequential(nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, args.out_dim))
    loader = DataLoader(data, batch_size=args.batch_size, shuffle=True)
    SimCLR(encoder, torch.optim.Adam(encoder.parameters(), 3e-4), args).train(loader)
