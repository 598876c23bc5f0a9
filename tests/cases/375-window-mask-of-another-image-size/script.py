"""Tampering masks from a small U-shaped network with a shifted-window block at its bottleneck."""
import torch
from torch import nn

SETTINGS = {"train_size": 64, "photo_size": 96, "window": 4, "heads": 2, "classes": 2}


def to_windows(x, w):
    b, h, wd, c = x.shape
    x = x.view(b, h // w, w, wd // w, w, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, w * w, c)


def from_windows(x, w, b, h, wd):
    x = x.view(b, h // w, wd // w, w, w, -1).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h, wd, -1)


class ShiftedWindows(nn.Module):
    def __init__(self, dim, heads, side, window):
        super().__init__()
        self.heads, self.window, self.shift = heads, window, window // 2
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        region = torch.zeros(1, side, side, 1)
        spans = (slice(0, -window), slice(-window, -self.shift), slice(-self.shift, None))
        for i, rows in enumerate(spans):
            for j, cols in enumerate(spans):
                region[:, rows, cols] = 3 * i + j
        ids = to_windows(region, window).squeeze(-1)
        apart = ids.unsqueeze(1) != ids.unsqueeze(2)
        self.register_buffer("attn_mask", torch.zeros(apart.shape).masked_fill(apart, -100.0))

    def forward(self, x):
        b, h, wd, c = x.shape
        win = to_windows(torch.roll(x, (-self.shift, -self.shift), (1, 2)), self.window)
        n, t, _ = win.shape
        q, k, v = self.qkv(win).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attn = q @ k.transpose(-2, -1) * q.size(-1) ** -0.5
        nw = self.attn_mask.size(0)
        attn = attn.view(b, nw, self.heads, t, t) + self.attn_mask.unsqueeze(1)
        out = attn.view(-1, self.heads, t, t).softmax(-1) @ v
        out = self.proj(out.transpose(1, 2).reshape(n, t, c))
        return torch.roll(from_windows(out, self.window, b, h, wd), (self.shift, self.shift), (1, 2))


class TamperNet(nn.Module):
    def __init__(self, img_size, window, heads, classes, dim=16):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, dim, 4, stride=4), nn.GELU())
        self.block = ShiftedWindows(dim, heads, img_size // 4, window)
        self.up = nn.ConvTranspose2d(dim, classes, 4, stride=4)

    def forward(self, x):
        x = self.down(x).permute(0, 2, 3, 1)
        return self.up((x + self.block(x)).permute(0, 3, 1, 2))


if __name__ == "__main__":
    torch.manual_seed(0)
    net = TamperNet(SETTINGS["train_size"], SETTINGS["window"], SETTINGS["heads"], SETTINGS["classes"]).eval()
    photos = torch.rand(1, 3, SETTINGS["photo_size"], SETTINGS["photo_size"])
    with torch.no_grad():
        mask = net(photos).argmax(1)
    print("mask", tuple(mask.shape), "tampered pixels", int(mask.sum()))
