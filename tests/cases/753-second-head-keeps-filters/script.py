import torch
from torch import nn

CFG = """
[convolutional]
filters=16
size=3
stride=2
[convolutional]
filters=21
[yolo]
anchors=4,6,8,8,12,10
classes=2
[route]
layers=-3
[convolutional]
filters=24
size=3
stride=2
[convolutional]
filters=33
[yolo]
anchors=14,20,24,18,30,32
classes=2
"""


def parse_model_config(text):
    blocks = []
    for line in text.split():
        if line.startswith("["):
            blocks.append({"type": line.strip("[]")})
        else:
            blocks[-1].update([line.split("=")])
    return blocks


class YOLOLayer(nn.Module):
    def __init__(self, anchors, num_classes):
        super().__init__()
        self.register_buffer("anchors", torch.tensor(anchors).view(1, -1, 1, 1, 2))
        self.num_classes = num_classes

    def forward(self, p, img_dim):
        bs, g = p.size(0), p.size(-1)
        p = p.view(bs, self.anchors.size(1), self.num_classes + 5, g, g).permute(0, 1, 3, 4, 2)
        xy, wh = p[..., :2].sigmoid() * img_dim / g, p[..., 2:4].exp() * self.anchors
        return torch.cat([xy, wh, p[..., 4:].sigmoid()], -1).flatten(1, 3)


class Darknet(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks, self.layers, widths = blocks, nn.ModuleList(), [3]
        for b in blocks:
            layer, width = nn.Identity(), widths[-1]
            if b["type"] == "convolutional":
                width, size = int(b["filters"]), int(b.get("size", 1))
                conv = nn.Conv2d(widths[-1], width, size, int(b.get("stride", 1)), size // 2)
                layer = nn.Sequential(conv, nn.LeakyReLU(0.1)) if size > 1 else conv
            elif b["type"] == "yolo":
                layer = YOLOLayer([float(a) for a in b["anchors"].split(",")], int(b["classes"]))
            else:
                width = widths[int(b["layers"])]
            self.layers.append(layer)
            widths.append(width)

    def forward(self, x):
        outputs, detections, img_dim = [], [], x.size(-1)
        for b, layer in zip(self.blocks, self.layers):
            if b["type"] == "yolo":
                detections.append(layer(x, img_dim))
            else:
                x = outputs[int(b["layers"])] if b["type"] == "route" else layer(x)
            outputs.append(x)
        return torch.cat(detections, 1)


torch.manual_seed(0)
model = Darknet(parse_model_config(CFG)).eval()
with torch.no_grad():
    boxes = model(torch.rand(2, 3, 32, 32))
print("candidates per image", boxes.size(1), "best objectness", round(boxes[..., 4].max().item(), 4))
