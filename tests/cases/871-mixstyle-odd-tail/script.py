import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset


class MixStyle(nn.Module):
    """Mixes the feature statistics of two halves of the batch."""

    def __init__(self, p=0.5, alpha=0.1, eps=1e-6):
        super().__init__()
        self.p, self.eps = p, eps
        self.beta = torch.distributions.Beta(alpha, alpha)

    def forward(self, x):
        if not self.training or torch.rand(1).item() > self.p:
            return x
        B = x.size(0)
        mu = x.mean(dim=[2, 3], keepdim=True)
        sig = (x.var(dim=[2, 3], keepdim=True) + self.eps).sqrt()
        mu, sig = mu.detach(), sig.detach()
        normed = (x - mu) / sig
        lmda = self.beta.sample((B, 1, 1, 1))

        perm = torch.arange(B - 1, -1, -1)
        perm_b, perm_a = perm.chunk(2)
        perm_b = perm_b[torch.randperm(B // 2)]
        perm_a = perm_a[torch.randperm(B // 2)]
        perm = torch.cat([perm_b, perm_a], 0)

        mu_mix = mu * lmda + mu[perm] * (1 - lmda)
        sig_mix = sig * lmda + sig[perm] * (1 - lmda)
        return normed * sig_mix + mu_mix


class Net(nn.Module):
    def __init__(self, classes, width=12):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.ReLU())
        self.mix = MixStyle(p=0.9)
        self.block2 = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x):
        return self.head(self.block2(self.mix(self.block1(x))).flatten(1))


def domain(count, shift, classes):
    gen = torch.Generator().manual_seed(count)
    return TensorDataset(torch.randn(count, 3, 16, 16, generator=gen) * (1 + shift) + shift,
                         torch.randint(0, classes, (count,), generator=gen))


def main(classes=4, batch_size=12):
    torch.manual_seed(1)
    sources = ConcatDataset([domain(26, 0.0, classes), domain(17, 1.5, classes)])
    loader = DataLoader(sources, batch_size=batch_size, shuffle=True)
    model = Net(classes).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step, (images, labels) in enumerate(loader):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step}/{len(loader)} images {len(images)} loss {loss.item():.4f}")


main()
