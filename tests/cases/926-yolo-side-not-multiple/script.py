import torch
import torch.nn as nn
import torch.nn.functional as F

LAYERS = [
    [-1, "Conv", (3, 8, 2)],         # 0  P1
    [-1, "Conv", (8, 12, 2)],        # 1  P2
    [-1, "Conv", (12, 16, 2)],       # 2  P3
    [-1, "Conv", (16, 24, 2)],       # 3  P4
    [-1, "Conv", (24, 32, 2)],       # 4  P5
    [-1, "Conv", (32, 24, 1)],       # 5
    [-1, "Upsample", (None, 2)],     # 6
    [(-1, 3), "Concat", ()],         # 7
    [-1, "Conv", (48, 16, 1)],       # 8
    [-1, "Upsample", (None, 2)],     # 9
    [(-1, 2), "Concat", ()],         # 10
    [-1, "Conv", (32, 16, 1)],       # 11 P3 out
    [(11, 8, 5), "Detect", ((16, 16, 24), 3)],
]


class Conv(nn.Sequential):
    def __init__(self, cin, cout, stride):
        super().__init__(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.Mish())


class Concat(nn.Module):
    def forward(self, xs):
        return torch.cat(xs, 1)


class Detect(nn.Module):
    def __init__(self, widths, nc, anchors=2):
        super().__init__()
        self.no = nc + 5
        self.heads = nn.ModuleList(nn.Conv2d(w, anchors * self.no, 1) for w in widths)

    def forward(self, xs):
        outs = [h(x).unflatten(1, (-1, self.no)).movedim(2, -1).flatten(1, 3) for h, x in zip(self.heads, xs)]
        return torch.cat(outs, 1).sigmoid()


MODULES = {"Conv": Conv, "Upsample": nn.Upsample, "Concat": Concat, "Detect": Detect}


class Model(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.froms = [f for f, _, _ in layers]
        self.blocks = nn.ModuleList(MODULES[name](*args) for _, name, args in layers)

    def forward(self, x):
        saved = []
        for f, block in zip(self.froms, self.blocks):
            source = [x if j == -1 else saved[j] for j in f] if isinstance(f, tuple) else x
            x = block(source)
            saved.append(x)
        return x


def load_image(image, img_size):
    h, w = image.shape[-2:]
    r = img_size / max(h, w)
    image = F.interpolate(image[None], size=(round(h * r), round(w * r)), mode="bilinear")
    pad_h, pad_w = img_size - image.size(2), img_size - image.size(3)
    return F.pad(image, (pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2), value=0.45)


def detect(img_size=110, conf_thres=0.3):
    model = Model(LAYERS).eval()
    pictures = [torch.rand(3, 90, 160), torch.rand(3, 144, 100)]
    with torch.no_grad():
        pred = model(torch.cat([load_image(p, img_size) for p in pictures]))
    print("boxes", tuple(pred.shape), "kept", int((pred[..., 4] > conf_thres).sum()))


if __name__ == "__main__":
    torch.manual_seed(0)
    detect()
