import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Camouflage(Dataset):
    def __init__(self, n, side=16):
        gen = torch.Generator().manual_seed(3)
        self.images = torch.rand(n, 3, side, side, generator=gen)
        self.masks = (self.images.mean(1, keepdim=True) > 0.5).float()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return {"inp": self.images[i], "gt": self.masks[i]}


def join(parts, axis):
    return torch.cat([p.float() for p in parts], dim=axis)


def calc_mae(pred, gt):
    return (pred - gt).abs().mean().item()


def calc_dice(pred, gt):
    hard = (pred > 0.5).float()
    return (2 * (hard * gt).sum() / (hard.sum() + gt.sum() + 1e-6)).item()


@torch.no_grad()
def evaluate(loader, model):
    model.eval()
    preds, truths = [], []
    for batch in loader:
        preds.append(torch.sigmoid(model(batch["inp"])))
        truths.append(batch["gt"])
    pred, truth = join(preds, 0), join(truths, 0)
    return calc_mae(pred, truth), calc_dice(pred, truth)


def train_epoch(loader, model, optimizer):
    model.train()
    for batch in loader:
        loss = nn.functional.binary_cross_entropy_with_logits(model(batch["inp"]), batch["gt"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    train, val = DataLoader(Camouflage(12), batch_size=4), DataLoader(Camouflage(9), batch_size=2)
    for epoch in range(2):
        loss = train_epoch(train, model, optimizer)
        mae, dice = evaluate(val, model)
        print(f"epoch {epoch} loss {loss:.4f} mae {mae:.4f} dice {dice:.4f}")
