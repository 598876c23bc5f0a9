"""Scene parsing with interchangeable decoders; labels are shrunk to the resolution of the prediction."""
import torch
import torch.nn.functional as F
from torch import nn

OPTIONS = {
    "arch_decoder": "upernet",
    "num_class": 6,
    "fc_dim": 32,
    "padding_constant": 8,
    "segm_downsampling_rate": 8,
    "batch_size": 2,
    "steps": 2,
}


class Encoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        widths = [3, 8, 16, dim]
        self.stages = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x).relu()
            maps.append(x)
        return maps


class PyramidPooling(nn.Module):
    def __init__(self, dim, num_class, scales=(1, 2)):
        super().__init__()
        self.scales = scales
        self.last = nn.Conv2d(dim * (1 + len(scales)), num_class, 1)

    def forward(self, maps):
        top = maps[-1]
        pooled = [F.interpolate(F.adaptive_avg_pool2d(top, s), size=top.shape[2:]) for s in self.scales]
        return self.last(torch.cat([top, *pooled], dim=1))


class UPerNet(nn.Module):
    def __init__(self, dim, num_class):
        super().__init__()
        self.lateral = nn.Conv2d(16, dim, 1)
        self.last = nn.Conv2d(dim, num_class, 3, padding=1)

    def forward(self, maps):
        _, middle, top = maps
        return self.last(self.lateral(middle) + F.interpolate(top, size=middle.shape[2:]))


DECODERS = {"ppm": PyramidPooling, "upernet": UPerNet}


def batches(opt):
    rate, pad = opt["segm_downsampling_rate"], opt["padding_constant"]
    gen = torch.Generator().manual_seed(0)
    for _ in range(opt["steps"]):
        side = 6 * pad
        labels = torch.randint(-1, opt["num_class"], (opt["batch_size"], 1, side, side + pad), generator=gen).float()
        images = torch.rand(opt["batch_size"], 3, side, side + pad, generator=gen)
        small = F.interpolate(labels, size=(side // rate, (side + pad) // rate), mode="nearest")
        yield images, small.squeeze(1).long()


torch.manual_seed(0)
encoder = Encoder(OPTIONS["fc_dim"])
decoder = DECODERS[OPTIONS["arch_decoder"]](OPTIONS["fc_dim"], OPTIONS["num_class"])
criterion = nn.NLLLoss(ignore_index=-1)
optim = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=0.02)
for it, (images, labels) in enumerate(batches(OPTIONS)):
    pred = decoder(encoder(images)).log_softmax(1)
    loss = criterion(pred, labels)
    optim.zero_grad()
    loss.backward()
    optim.step()
    print("iter", it, "pred", tuple(pred.shape), "loss %.4f" % loss.item())
