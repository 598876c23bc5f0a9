import torch
import torch.nn as nn

CFG = """
convolutional filters=8
maxpool size=2 stride=2
convolutional filters=12
maxpool size=2 stride=2
convolutional filters=16
maxpool size=2 stride=2
convolutional filters=24
maxpool size=2 stride=1
convolutional filters=24
upsample stride=2
route layers=-1,4
convolutional filters=18
"""


def parse(text):
    blocks = []
    for line in text.strip().splitlines():
        kind, *pairs = line.split()
        block = dict(pair.split("=") for pair in pairs)
        blocks.append({"type": kind, **{k: [int(n) for n in v.split(",")] for k, v in block.items()}})
    return blocks


def create_modules(blocks, channels=3):
    modules, widths = nn.ModuleList(), []
    for i, block in enumerate(blocks):
        if block["type"] == "convolutional":
            filters = block["filters"][0]
            module = nn.Sequential(nn.Conv2d(channels, filters, 3, padding=1, bias=False),
                                   nn.BatchNorm2d(filters), nn.LeakyReLU(0.1))
            channels = filters
        elif block["type"] == "maxpool":
            size, stride = block["size"][0], block["stride"][0]
            pad = nn.ZeroPad2d((0, 1, 0, 1)) if stride == 1 else nn.Identity()
            module = nn.Sequential(pad, nn.MaxPool2d(size, stride))
        elif block["type"] == "upsample":
            module = nn.Upsample(scale_factor=block["stride"][0], mode="nearest")
        else:
            module = nn.Identity()
            block["layers"] = [k if k >= 0 else i + k for k in block["layers"]]
            channels = sum(widths[k] for k in block["layers"])
        modules.append(module)
        widths.append(channels)
    return modules


class Darknet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.blocks = parse(cfg)
        self.module_list = create_modules(self.blocks)

    def forward(self, x):
        outputs = []
        for block, module in zip(self.blocks, self.module_list):
            if block["type"] == "route":
                x = torch.cat([outputs[k] for k in block["layers"]], dim=1)
            else:
                x = module(x)
            outputs.append(x)
        return x


@torch.no_grad()
def detect(net, frames, threshold=0.5):
    pred = net(frames).unflatten(1, (3, 6))
    return (pred[:, :, 4].sigmoid() > threshold).flatten(1).sum(1)


if __name__ == "__main__":
    torch.manual_seed(0)
    net = Darknet(CFG).eval()
    print("layers", len(net.module_list), flush=True)
    print("boxes per frame", detect(net, torch.rand(2, 3, 96, 96)).tolist())
