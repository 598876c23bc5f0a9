import torch
from torch import nn

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
POOL = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}

hparams = dict(
    in_channels=1,
    spatial_dims=2,
    hid_chs=(8, 12, 16),
    emb_channels=6,
)


class DownBlock(nn.Module):
    def __init__(self, spatial_dims, cin, cout):
        super().__init__()
        self.conv = CONV[spatial_dims](cin, cout, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(4, cout)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class VAE(nn.Module):
    def __init__(self, in_channels, spatial_dims, hid_chs, emb_channels):
        super().__init__()
        conv = CONV[spatial_dims]
        self.inc = conv(in_channels, hid_chs[0], 3, padding=1)
        self.encoders = nn.ModuleList(DownBlock(spatial_dims, a, b) for a, b in zip(hid_chs, hid_chs[1:]))
        self.to_stats = conv(hid_chs[-1], 2 * emb_channels, 1)
        self.pool = POOL[spatial_dims](1)

    def forward(self, x):
        h = self.inc(x)
        for block in self.encoders:
            h = block(h)
        mean, logvar = self.to_stats(h).chunk(2, dim=1)
        z = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
        kl = 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).mean()
        return self.pool(z).flatten(1), kl


class ScanDataset(torch.utils.data.Dataset):
    def __init__(self, n, slices=10, side=24):
        self.scans = torch.rand(n, slices, side, side)

    def __len__(self):
        return len(self.scans)

    def __getitem__(self, i):
        scan = self.scans[i]
        return {"uid": i, "source": (scan - scan.mean()).unsqueeze(0) / scan.std()}


if __name__ == "__main__":
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(ScanDataset(6), batch_size=3)
    model = VAE(**hparams)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, batch in enumerate(loader):
        latent, kl = model(batch["source"])
        optimizer.zero_grad()
        kl.backward()
        optimizer.step()
        print("step", step, "latent", tuple(latent.shape), "kl", round(kl.item(), 4))
