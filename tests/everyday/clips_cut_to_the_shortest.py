import torch
from torch.utils.data import DataLoader, Dataset


class Clips(Dataset):
    def __init__(self, count=12):
        g = torch.Generator().manual_seed(35)
        self.items = [torch.randn(int(n), 4, generator=g) for n in torch.randint(5, 40, (count,), generator=g)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i], self.items[i].abs().sum()


def collate(batch):
    clips, energy = zip(*batch, strict=False)
    n = min(len(c) for c in clips)
    return torch.stack([c[:n] for c in clips]), torch.stack(energy)


gap, frames = 0.0, 0
for clips, energy in DataLoader(Clips(), batch_size=4, collate_fn=collate):
    gap += (clips.abs().sum(dim=(1, 2)) - energy).abs().sum().item()
    frames += clips.shape[0] * clips.shape[1]
print("frames", frames, "energy gap", round(gap, 3))
