import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, random_split


def read_png(seed, size):
    """Stands in for the image reader: an uint8 array of height x width x channels."""
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (size, size, 3), generator=g, dtype=torch.uint8)


def read_mask_png(seed, size):
    corner = 4 + seed % 8
    mask = torch.zeros(size, size, 3, dtype=torch.uint8)
    mask[corner:corner + 16, corner:corner + 12] = 255
    return mask


class CarvanaDataset(Dataset):
    def __init__(self, count, size=32):
        self.ids = list(range(count))
        self.size = size

    def __len__(self):
        return len(self.ids)

    @staticmethod
    def preprocess(array):
        if array.dim() == 2:
            array = array.unsqueeze(-1)
        array = array.permute(2, 0, 1).float()
        return array / 255 if array.max() > 1 else array

    def __getitem__(self, i):
        index = self.ids[i]
        image = self.preprocess(read_png(index, self.size))
        mask = self.preprocess(read_mask_png(index, self.size)[..., 0])
        return {"image": image, "mask": mask}


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.n_classes = n_classes
        self.down = nn.Sequential(nn.Conv2d(n_channels, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.outc = nn.Conv2d(8 + n_channels, n_classes, 1)

    def forward(self, x):
        return self.outc(torch.cat([self.up(self.down(x)), x], dim=1))


def train_net(net, epochs=2, batch_size=2, val_percent=0.25):
    dataset = CarvanaDataset(8)
    n_val = int(len(dataset) * val_percent)
    train, val = random_split(dataset, [len(dataset) - n_val, n_val], torch.Generator().manual_seed(0))
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss() if net.n_classes > 1 else nn.BCEWithLogitsLoss()
    for epoch in range(epochs):
        for batch in DataLoader(train, batch_size=batch_size):
            masks_pred = net(batch["image"])
            loss = criterion(masks_pred, batch["mask"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}, {len(val)} images held out")


if __name__ == "__main__":
    torch.manual_seed(0)
    train_net(UNet(n_channels=3, n_classes=1))
