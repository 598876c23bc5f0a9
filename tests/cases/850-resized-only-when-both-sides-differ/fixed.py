import torch
import torch.nn as nn
import torch.nn.functional as F

classes, ignore_index = 5, 250


def conv_block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))


class FCN8(nn.Module):
    def __init__(self, widths=(8, 12, 16)):
        super().__init__()
        self.down = nn.Sequential(*[conv_block(a, b) for a, b in zip((3, *widths), widths)])
        self.score = nn.Conv2d(widths[-1], classes, 1)
        self.up = nn.ConvTranspose2d(classes, classes, 8, stride=8, bias=False)

    def forward(self, x):
        return self.up(self.score(self.down(x)))


def cross_entropy2d(input, target):
    n, c, h, w = input.size()
    nt, ht, wt = target.size()
    if h != ht or w != wt:
        input = F.interpolate(input, size=(ht, wt), mode="bilinear", align_corners=True)
    input = input.permute(0, 2, 3, 1).reshape(-1, c)
    target = target.reshape(-1)
    return F.cross_entropy(input, target, ignore_index=ignore_index)


class ScenePairs:
    """Groups of equally sized pictures, as the batch sampler finds them on disk."""

    def __init__(self, sizes, per_group=2):
        self.sizes, self.per_group = sizes, per_group

    def __iter__(self):
        for h, w in self.sizes:
            labels = torch.randint(0, classes, (self.per_group, h, w))
            labels[:, 0] = labels[:, -1] = ignore_index
            yield torch.rand(self.per_group, 3, h, w), labels


def validate(model, loader):
    model.eval()
    losses = []
    with torch.no_grad():
        for images, labels in loader:
            losses.append(cross_entropy2d(model(images), labels).item())
            print("  val", tuple(labels.shape[1:]), round(losses[-1], 4))
    return sum(losses) / len(losses)


torch.manual_seed(1337)
model = FCN8()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for step, (images, labels) in enumerate(ScenePairs([(48, 64), (48, 64), (48, 64)])):
    loss = cross_entropy2d(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"iter {step} loss {loss.item():.4f}")
print("mean", round(validate(model, ScenePairs([(48, 64), (60, 45), (45, 64)])), 4))
