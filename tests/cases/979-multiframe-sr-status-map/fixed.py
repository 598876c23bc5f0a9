import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

config = {
    "training": {
        "channels": 12, "batch_size": 4, "n_views": 5, "lr": 1e-3, "num_epochs": 2,
        "crop": 3, "create_patches": True, "patch_size": 16,
    },
}


def get_patch(img, x, y, size=32):
    return img[..., x:x + size, y:y + size]


class ImagesetDataset(Dataset):
    def __init__(self, n_sets, config):
        self.create_patches = config["create_patches"]
        self.patch_size = config["patch_size"]
        rng = np.random.RandomState(3)
        self.lr = rng.rand(n_sets, config["n_views"], 32, 32).astype(np.float32)
        self.hr = rng.rand(n_sets, 96, 96).astype(np.float32)
        self.hr_map = (rng.rand(n_sets, 96, 96) > 0.1).astype(np.float32)

    def __len__(self):
        return len(self.lr)

    def __getitem__(self, index):
        lr, hr, hr_map = self.lr[index], self.hr[index], self.hr_map[index]
        if self.create_patches:
            x, y = np.random.randint(0, lr.shape[-1] - self.patch_size, size=2)
            lr = get_patch(lr, x, y, self.patch_size)
            hr = get_patch(hr, x * 3, y * 3, self.patch_size * 3)
            hr_map = get_patch(hr_map, x * 3, y * 3, self.patch_size * 3)
        return lr, hr, hr_map


def get_crop_mask(patch_size, crop_size):
    mask = torch.ones(1, 3 * patch_size, 3 * patch_size)
    mask[:, :crop_size, :] = mask[:, -crop_size:, :] = 0
    mask[:, :, :crop_size] = mask[:, :, -crop_size:] = 0
    return mask


def get_loss(srs, hrs, hr_maps):
    nclear = hr_maps.sum(dim=(1, 2))
    bright = ((hr_maps * (hrs - srs)).sum(dim=(1, 2)) / nclear).detach()
    return (hr_maps * (srs + bright.view(-1, 1, 1) - hrs) ** 2).sum(dim=(1, 2)) / nclear


def train(config):
    np.random.seed(123)
    torch.manual_seed(123)
    params, width = config["training"], config["training"]["channels"]
    fusion_model = nn.Sequential(
        nn.Conv2d(params["n_views"], width, 3, padding=1), nn.PReLU(),
        nn.ConvTranspose2d(width, width, 3, stride=3), nn.PReLU(), nn.Conv2d(width, 1, 1),
    )
    optimizer = torch.optim.Adam(fusion_model.parameters(), lr=params["lr"])
    loader = DataLoader(ImagesetDataset(12, params), batch_size=params["batch_size"], shuffle=True)
    torch_mask = get_crop_mask(patch_size=params["patch_size"], crop_size=params["crop"])
    for epoch in range(params["num_epochs"]):
        for lrs, hrs, hr_maps in loader:
            srs = fusion_model(lrs)[:, 0]
            cropped_mask = torch_mask * hr_maps
            loss = (10 * torch.log10(get_loss(srs, hrs, cropped_mask))).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "cPSNR", round(-loss.item(), 3))


train(config)
