"""Prune the middle channels of residual blocks by their Fisher score, then fine-tune."""
import torch
import torch.nn.functional as F
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, channels, middle):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, middle, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(out)))


class Net(nn.Module):
    def __init__(self, width=16, middle=32, blocks=3, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.layers = nn.ModuleList(BasicBlock(width, middle) for _ in range(blocks))
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = F.relu(self.stem(x))
        for block in self.layers:
            x = block(x)
        return self.fc(x.mean((2, 3)))


def slice_conv(conv, out_keep=None, in_keep=None):
    weight = conv.weight.data
    weight = weight if out_keep is None else weight[out_keep]
    weight = weight if in_keep is None else weight[:, in_keep]
    new = nn.Conv2d(weight.size(1), weight.size(0), conv.kernel_size, padding=conv.padding, bias=False)
    new.weight.data.copy_(weight)
    return new


def slice_norm(norm, keep):
    new = nn.BatchNorm2d(len(keep))
    new.load_state_dict({k: v[keep] if v.dim() else v for k, v in norm.state_dict().items()})
    return new


class Pruner:
    def __init__(self, model, keep_ratio):
        self.model, self.keep_ratio = model, keep_ratio

    def scores(self, block):
        weight = block.conv1.weight
        return (weight * weight.grad).sum((1, 2, 3)).pow(2)

    def compress(self):
        for block in self.model.layers:
            scores = self.scores(block)
            keep = scores.topk(int(self.keep_ratio * len(scores))).indices.sort().values
            block.conv1 = slice_conv(block.conv1, out_keep=keep)
            block.bn1 = slice_norm(block.bn1, keep)
            block.conv2 = slice_conv(block.conv2, in_keep=keep)


def run(model, data, steps, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for x, y in data[:steps]:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    data = [(torch.randn(8, 3, 12, 12), torch.randint(0, 5, (8,))) for _ in range(4)]
    model = Net()
    print(f"trained  {run(model, data, 4, 0.05):.3f}")
    Pruner(model, keep_ratio=0.75).compress()
    print(f"finetuned {run(model, data, 2, 0.01):.3f}")
