import torch
import torch.nn as nn
import torch.nn.functional as F

OPTIONS = {"win_size": 8, "train_ps": 64, "dim": 12}


def window_partition(x, win):
    b, h, w, c = x.shape
    x = x.view(b, h // win, win, w // win, win, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, win * win, c)


def window_reverse(windows, win, h, w):
    c = windows.size(-1)
    x = windows.view(-1, h // win, w // win, win, win, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c)


class WindowBlock(nn.Module):
    def __init__(self, dim, win, heads=2):
        super().__init__()
        self.win = win
        self.norm = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x):
        h, w = x.shape[-2:]
        windows = window_partition(self.norm(x.permute(0, 2, 3, 1)), self.win)
        mixed, _ = self.attn(windows, windows, windows, need_weights=False)
        return x + window_reverse(mixed, self.win, h, w).permute(0, 3, 1, 2)


class Restorer(nn.Module):
    def __init__(self, dim, win_size):
        super().__init__()
        self.down = nn.Conv2d(3, dim, 4, stride=4)
        self.block = WindowBlock(dim, win_size)
        self.up = nn.ConvTranspose2d(dim, 3, 4, stride=4)

    def forward(self, x):
        return x + self.up(self.block(self.down(x)))


def random_crop(photo, size):
    top, left = (torch.randint(0, side - size + 1, (1,)).item() for side in photo.shape[-2:])
    return photo[..., top:top + size, left:left + size]


def main(opt):
    torch.manual_seed(0)
    net = Restorer(opt["dim"], opt["win_size"])
    optim = torch.optim.AdamW(net.parameters(), 1e-3)
    photos = torch.rand(4, 3, 96, 112)
    for step in range(2):
        clean = random_crop(photos, opt["train_ps"])
        loss = F.l1_loss(net(clean * 0.6), clean)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"step {step} l1 {loss.item():.4f}")
    with torch.no_grad():
        restored = net(photos[:1] * 0.6)
    print(f"whole photo: mse {F.mse_loss(restored, photos[:1]).item():.4f}")


if __name__ == "__main__":
    main(OPTIONS)
