import torch
import torch.nn as nn

MODEL_DEF = """
[net]
channels=3
width=64

[convolutional]
filters=16
size=3
stride=4
activation=leaky

[convolutional]
filters=32
size=3
stride=4
activation=leaky

[convolutional]
filters=255
size=1
stride=1
activation=linear

[yolo]
anchors=10,14, 23,27, 37,58
classes=2
"""


def parse_model_config(text):
    blocks = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            blocks.append({"type": line.strip("[]")})
        else:
            key, value = line.split("=")
            blocks[-1][key] = value
    return blocks


class YOLOLayer(nn.Module):
    def __init__(self, anchors, num_classes, img_dim):
        super().__init__()
        self.register_buffer("anchors", torch.tensor(anchors))
        self.num_anchors, self.num_classes, self.img_dim = len(anchors), num_classes, img_dim

    def forward(self, x):
        n, g = x.size(0), x.size(2)
        pred = x.view(n, self.num_anchors, self.num_classes + 5, g, g).permute(0, 1, 3, 4, 2)
        stride = self.img_dim / g
        wh = pred[..., 2:4].exp() * self.anchors.view(1, -1, 1, 1, 2)
        return torch.cat([pred[..., :2].sigmoid() * stride, wh, pred[..., 4:].sigmoid()], -1).flatten(1, 3)


def create_modules(blocks):
    hyper, *rest = blocks
    modules, channels = nn.ModuleList(), int(hyper["channels"])
    for block in rest:
        if block["type"] == "convolutional":
            filters, size, stride = (int(block[k]) for k in ("filters", "size", "stride"))
            conv = nn.Conv2d(channels, filters, size, stride, padding=(size - 1) // 2)
            modules.append(nn.Sequential(conv, nn.LeakyReLU(0.1) if block["activation"] == "leaky" else nn.Identity()))
            channels = filters
        elif block["type"] == "yolo":
            flat = [float(v) for v in block["anchors"].split(",")]
            modules.append(YOLOLayer(list(zip(flat[::2], flat[1::2])), int(block["classes"]), int(hyper["width"])))
    return modules


torch.manual_seed(0)
darknet = nn.Sequential(*create_modules(parse_model_config(MODEL_DEF)))
boxes = darknet(torch.rand(2, 3, 64, 64)).detach()
best = (boxes[..., 5:] * boxes[..., 4:5]).max(-1)[0].argmax(1)
print("candidates per image", boxes.size(1), "best", best.tolist())
