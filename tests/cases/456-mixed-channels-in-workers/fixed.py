"""Denoising autoencoder on a folder of thumbnails, some photographs, some scanned drawings."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def read_folder(count, side, seed=3):
    rng = np.random.default_rng(seed)
    files = {}
    for i in range(count):
        if i % 5 == 4:
            files[f"{i:03d}_scan.png"] = rng.integers(0, 256, (side, side), dtype=np.uint8)
        else:
            files[f"{i:03d}_photo.jpg"] = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    return files


def to_tensor(pixels):
    if pixels.ndim == 2:
        pixels = pixels[:, :, None].repeat(3, axis=2)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float() / 255


def center_crop(image, side):
    top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
    return image[:, top:top + side, left:left + side]


class Thumbnails(Dataset):
    def __init__(self, files, side, flip=True):
        self.files, self.side, self.flip = files, side, flip
        self.names = sorted(files)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        image = center_crop(to_tensor(self.files[self.names[index]]), self.side)
        if self.flip and index % 2:
            image = image.flip(-1)
        return image * 2 - 1


def cycle(loader):
    while True:
        yield from loader


def main(steps=4, batch_size=4, noise=0.3):
    torch.manual_seed(0)
    dataset = Thumbnails(read_folder(20, 20), side=16)
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=False, num_workers=1)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 3, 3, padding=1))
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    batches = cycle(loader)
    print("training on", len(dataset), "images")
    for step in range(steps):
        images = next(batches)
        loss = (net(images + noise * torch.randn_like(images)) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
