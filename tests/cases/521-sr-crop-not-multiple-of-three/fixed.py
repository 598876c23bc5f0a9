import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

opt = {
    "name": "RRDB_small_x3",
    "scale": 3,
    "datasets": {"train": {"GT_size": 33, "batch_size": 4, "n_images": 8}},
    "network_G": {"in_nc": 3, "nf": 12, "nb": 2},
    "train": {"lr_G": 2e-3, "pixel_weight": 1e-2},
}


class PairedImages(Dataset):
    """Ground-truth crops and their bicubic reductions."""

    def __init__(self, cfg, scale):
        self.cfg, self.scale = cfg, scale
        self.photos = torch.rand(cfg["n_images"], 3, 60, 60, generator=torch.Generator().manual_seed(8))

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, i):
        size = self.cfg["GT_size"]
        top, left = (7 * i) % (60 - size), (5 * i) % (60 - size)
        gt = self.photos[i, :, top:top + size, left:left + size]
        lq_size = size // self.scale
        lq = F.interpolate(gt[None], size=(lq_size, lq_size), mode="bicubic", align_corners=False)[0]
        return {"LQ": lq, "GT": gt}


class Generator(nn.Module):
    def __init__(self, in_nc, nf, nb, scale):
        super().__init__()
        self.scale = scale
        self.conv_first = nn.Conv2d(in_nc, nf, 3, padding=1)
        self.trunk = nn.ModuleList(nn.Conv2d(nf, nf, 3, padding=1) for _ in range(nb))
        self.upconv, self.conv_last = nn.Conv2d(nf, nf, 3, padding=1), nn.Conv2d(nf, in_nc, 3, padding=1)

    def forward(self, x):
        fea = self.conv_first(x)
        for block in self.trunk:
            fea = fea + 0.2 * F.leaky_relu(block(fea), 0.2)
        fea = F.leaky_relu(self.upconv(F.interpolate(fea, scale_factor=self.scale, mode="nearest")), 0.2)
        return self.conv_last(fea)


class SRModel:
    def __init__(self, opt):
        self.netG = Generator(**opt["network_G"], scale=opt["scale"])
        self.optimizer = torch.optim.Adam(self.netG.parameters(), lr=opt["train"]["lr_G"])
        self.cri_pix, self.l_pix_w = nn.L1Loss(), opt["train"]["pixel_weight"]

    def optimize_parameters(self, data):
        self.fake_H = self.netG(data["LQ"])
        l_g_pix = self.l_pix_w * self.cri_pix(self.fake_H, data["GT"])
        self.optimizer.zero_grad()
        l_g_pix.backward()
        self.optimizer.step()
        return l_g_pix.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    cfg = opt["datasets"]["train"]
    loader = DataLoader(PairedImages(cfg, opt["scale"]), batch_size=cfg["batch_size"])
    model = SRModel(opt)
    for step, data in enumerate(loader):
        print(f"{opt['name']} iter {step} l_pix {model.optimize_parameters(data):.5f}")
