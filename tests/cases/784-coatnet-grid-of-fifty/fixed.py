import torch
import torch.nn as nn


def conv_stage(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride=2, padding=1), nn.BatchNorm2d(cout), nn.GELU())


class RelativeAttention(nn.Module):
    def __init__(self, dim, grid, heads=4, head_dim=8):
        super().__init__()
        self.heads, self.scale = heads, head_dim ** -0.5
        ih, iw = grid
        self.table = nn.Parameter(torch.zeros((2 * ih - 1) * (2 * iw - 1), heads))
        rows, cols = torch.meshgrid(torch.arange(ih), torch.arange(iw), indexing="ij")
        coords = torch.stack([rows.flatten(), cols.flatten()])
        rel = coords[:, :, None] - coords[:, None, :]
        self.register_buffer("index", (rel[0] + ih - 1) * (2 * iw - 1) + rel[1] + iw - 1)
        self.to_qkv = nn.Linear(dim, heads * head_dim * 3, bias=False)
        self.to_out = nn.Linear(heads * head_dim, dim)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = self.to_qkv(x).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        dots = q @ k.transpose(-1, -2) * self.scale
        bias = self.table[self.index].permute(2, 0, 1)
        out = (dots + bias).softmax(dim=-1) @ v
        return self.to_out(out.transpose(1, 2).reshape(b, n, -1))


class TransformerStage(nn.Module):
    def __init__(self, cin, cout, grid):
        super().__init__()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.proj = nn.Conv2d(cin, cout, 1)
        self.norm = nn.LayerNorm(cout)
        self.attn = RelativeAttention(cout, grid)

    def forward(self, x):
        x = self.proj(self.pool(x))
        b, c, h, w = x.shape
        seq = x.flatten(2).transpose(1, 2)
        seq = seq + self.attn(self.norm(seq))
        return seq.transpose(1, 2).reshape(b, c, h, w)


class CoAtNet(nn.Module):
    def __init__(self, image_size, channels=(8, 16, 24, 32), num_classes=3):
        super().__init__()
        ih, iw = image_size
        c0, c1, c2, c3 = channels
        self.s0 = conv_stage(3, c0)
        self.s1 = conv_stage(c0, c1)
        self.s2 = TransformerStage(c1, c2, (-(-ih // 8), -(-iw // 8)))
        self.s3 = TransformerStage(c2, c3, (-(-ih // 16), -(-iw // 16)))
        self.fc = nn.Linear(c3, num_classes)

    def forward(self, x):
        x = self.s3(self.s2(self.s1(self.s0(x))))
        return self.fc(x.mean(dim=(2, 3)))


@torch.no_grad()
def classify(side, images=2):
    net = CoAtNet((side, side)).eval()
    return net(torch.randn(images, 3, side, side))


if __name__ == "__main__":
    torch.manual_seed(0)
    for side in (64, 50):
        print("side", side, "logits", tuple(classify(side).shape))
