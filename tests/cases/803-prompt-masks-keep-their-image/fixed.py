"""Evaluation of a visual prompt model: reference masks of all images in the batch become one set of queries."""
import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = [(48, 72), (56, 48), (48, 64), (64, 48)]
STRIDE = 8


def make_samples():
    gen = torch.Generator().manual_seed(0)
    samples = []
    for n, (h, w) in enumerate(SIZES):
        masks = torch.zeros(2 + n % 2, h, w)
        for k in range(len(masks)):
            masks[k, 4 * k:4 * k + 20, 8:30] = 1.0
        samples.append({"image": torch.rand(3, h, w, generator=gen), "masks": masks})
    return samples


class ImageList:
    def __init__(self, tensor, sizes):
        self.tensor, self.sizes = tensor, sizes

    @classmethod
    def from_samples(cls, samples):
        sizes = [s["image"].shape[-2:] for s in samples]
        height = -(-max(h for h, _ in sizes) // STRIDE) * STRIDE
        width = -(-max(w for _, w in sizes) // STRIDE) * STRIDE
        padded = [F.pad(s["image"], (0, width - w, 0, height - h)) for s, (h, w) in zip(samples, sizes)]
        return cls(torch.stack(padded), sizes)


class PromptModel(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, dim, STRIDE, stride=STRIDE), nn.GELU(), nn.Conv2d(dim, dim, 1))
        self.queries = nn.Linear(dim, dim)

    def prepare_targets(self, samples, images):
        height, width = images.tensor.shape[-2:]
        return [
            {"shape": F.pad(s["masks"], (0, width - size[1], 0, height - size[0])), "size": size}
            for s, size in zip(samples, images.sizes)
        ]

    def forward(self, samples):
        images = ImageList.from_samples(samples)
        features = self.backbone(images.tensor)
        targets = self.prepare_targets(samples, images)
        owner = torch.cat([torch.full((len(t["shape"]),), i) for i, t in enumerate(targets)])
        shapes = torch.cat([t["shape"] for t in targets], dim=0)
        weight = F.interpolate(shapes[:, None], features.shape[-2:])
        pooled = (features[owner] * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1)
        scores = torch.einsum("qc,qchw->qhw", self.queries(pooled), features[owner])
        limits = [(targets[i]["size"][0] // STRIDE, targets[i]["size"][1] // STRIDE) for i in owner.tolist()]
        return [score[:h, :w] for score, (h, w) in zip(scores, limits)], owner


@torch.no_grad()
def evaluate(model, samples, batch_size):
    model.eval()
    for start in range(0, len(samples), batch_size):
        scores, owner = model(samples[start:start + batch_size])
        print("images", start, "to", start + batch_size - 1, "queries", owner.tolist())
        for score in scores:
            print("   map", tuple(score.shape), "mean %.4f" % score.mean())


if __name__ == "__main__":
    torch.manual_seed(0)
    evaluate(PromptModel(), make_samples(), batch_size=2)
