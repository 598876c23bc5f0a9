import argparse
import os
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F


def get_opt(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--grid_size", type=int, default=3)
    parser.add_argument("--agnostic_nc", type=int, default=10)
    parser.add_argument("--cloth_nc", type=int, default=1)
    parser.add_argument("--checkpoint", default="")
    return parser.parse_args(argv)


class FeatureExtraction(nn.Module):
    def __init__(self, input_nc, ngf=8, n_layers=2):
        super().__init__()
        layers = [nn.Conv2d(input_nc, ngf, 4, stride=2, padding=1), nn.ReLU(True)]
        for _ in range(n_layers - 1):
            layers += [nn.Conv2d(ngf, ngf, 4, stride=2, padding=1), nn.ReLU(True)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return F.normalize(self.model(x), dim=1)


class GMM(nn.Module):
    """Geometric matching: how to bend the cloth so that it fits the person."""

    def __init__(self, opt):
        super().__init__()
        self.extractionA = FeatureExtraction(opt.agnostic_nc)
        self.extractionB = FeatureExtraction(opt.cloth_nc)
        self.regression = nn.Linear(16, 2 * opt.grid_size ** 2)

    def forward(self, agnostic, cloth):
        a, b = self.extractionA(agnostic), self.extractionB(cloth)
        return torch.tanh(self.regression(torch.cat([a.mean((2, 3)), b.mean((2, 3))], dim=1)))


def samples(n, opt, seed):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(n):
        yield torch.randn(2, opt.agnostic_nc, 32, 24, generator=gen), torch.rand(2, 3, 32, 24, generator=gen)


def train_gmm(opt, path):
    model = GMM(opt)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for agnostic, cloth in samples(2, opt, seed=0):
        optimizer.zero_grad()
        model(agnostic, cloth).pow(2).mean().backward()
        optimizer.step()
    torch.save(model.state_dict(), path)


@torch.no_grad()
def test_gmm(opt):
    model = GMM(opt).eval()
    model.load_state_dict(torch.load(opt.checkpoint))
    for i, (agnostic, cloth) in enumerate(samples(2, opt, seed=1)):
        print(f"warp {i}: max shift {model(agnostic, cloth).abs().max():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        final = os.path.join(folder, "gmm_final.pth")
        train_gmm(get_opt(["--cloth_nc", "3"]), final)
        print("saved", os.path.basename(final))
        test_gmm(get_opt(["--cloth_nc", "3", "--checkpoint", final]))
