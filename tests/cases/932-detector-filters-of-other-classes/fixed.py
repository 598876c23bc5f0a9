import torch
from torch import nn

CHANNELS = 3
CLASSES = ["helmet"]
ANCHORS = [10, 13, 16, 30, 33, 23]
LAYERS = [
    {"type": "convolutional", "filters": 16, "size": 3, "stride": 2, "activation": "leaky"},
    {"type": "convolutional", "filters": 32, "size": 3, "stride": 2, "activation": "leaky"},
    {"type": "convolutional", "filters": 32, "size": 3, "stride": 1, "activation": "leaky"},
    {"type": "convolutional", "filters": 18, "size": 1, "stride": 1, "activation": "linear"},
    {"type": "yolo", "anchors": ANCHORS, "classes": len(CLASSES)},
]


class YOLOLayer(nn.Module):
    def __init__(self, anchors, num_classes):
        super().__init__()
        self.register_buffer("anchors", torch.tensor(anchors, dtype=torch.float32).view(-1, 2))
        self.num_anchors, self.num_classes = len(anchors) // 2, num_classes

    def forward(self, x, stride):
        n, _, g, _ = x.shape
        pred = x.view(n, self.num_anchors, self.num_classes + 5, g, g).permute(0, 1, 3, 4, 2).contiguous()
        cells = torch.stack(torch.meshgrid(torch.arange(g), torch.arange(g), indexing="xy"), dim=-1)
        xy = (pred[..., :2].sigmoid() + cells) * stride
        wh = pred[..., 2:4].exp() * self.anchors.view(1, -1, 1, 1, 2)
        return torch.cat([xy, wh, pred[..., 4:].sigmoid()], dim=-1).view(n, -1, self.num_classes + 5)


class Darknet(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.layers, channels = nn.ModuleList(), CHANNELS
        for block in blocks:
            if block["type"] == "convolutional":
                filters, size = block["filters"], block["size"]
                conv = nn.Conv2d(channels, filters, size, block["stride"], size // 2)
                leaky = block["activation"] == "leaky"
                self.layers.append(nn.Sequential(conv, nn.LeakyReLU(0.1) if leaky else nn.Identity()))
                channels = filters
            else:
                self.layers.append(YOLOLayer(block["anchors"], block["classes"]))

    def forward(self, images):
        x, outputs = images, []
        for layer in self.layers:
            if isinstance(layer, YOLOLayer):
                outputs.append(layer(x, images.size(2) // x.size(2)))
            else:
                x = layer(x)
        return torch.cat(outputs, 1)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Darknet(LAYERS).eval()
    with torch.no_grad():
        boxes = model(torch.rand(2, 3, 44, 44))
    best = boxes[..., 4].argmax(dim=1)
    print("boxes", tuple(boxes.shape), "most certain", best.tolist())
