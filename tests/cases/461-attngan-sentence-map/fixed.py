"""Text-to-image discriminators for two resolutions, conditioned on a sentence embedding."""
import argparse

import torch
from torch import nn


def down_block(c_in, c_out):
    return nn.Sequential(nn.Conv2d(c_in, c_out, 4, 2, 1, bias=False), nn.BatchNorm2d(c_out), nn.LeakyReLU(0.2))


def encode_image_by_8times(ndf):
    return nn.Sequential(
        nn.Conv2d(3, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        down_block(ndf, ndf * 2), down_block(ndf * 2, ndf * 4),
    )


class DGetLogits(nn.Module):
    def __init__(self, ndf, nef):
        super().__init__()
        self.ef_dim = nef
        self.joint_conv = nn.Sequential(nn.Conv2d(ndf * 4 + nef, ndf * 4, 3, 1, 1), nn.LeakyReLU(0.2))
        self.outlogits = nn.Conv2d(ndf * 4, 1, kernel_size=4, stride=4)

    def forward(self, h_code, c_code):
        c_code = c_code.view(-1, self.ef_dim, 1, 1)
        c_code = c_code.repeat(1, 1, 4, 4)
        h_c_code = torch.cat((h_code, c_code), 1)
        return self.outlogits(self.joint_conv(h_c_code)).view(-1)


class DNet(nn.Module):
    def __init__(self, ndf, nef, extra_downs=0):
        super().__init__()
        self.img_code = encode_image_by_8times(ndf)
        self.extra = nn.Sequential(*[down_block(ndf * 4, ndf * 4) for _ in range(extra_downs)])
        self.cond_logits = DGetLogits(ndf, nef)

    def forward(self, images, sentence):
        return self.cond_logits(self.extra(self.img_code(images)), sentence)


def build_discriminators(args):
    return [DNet(args.ndf, args.nef, extra_downs=level + 1) for level in range(args.branches)]


def pyramid(args, g):
    sides = [args.base_size * 2 ** level for level in range(args.branches)]
    return [torch.rand(args.batch_size, 3, side, side, generator=g) * 2 - 1 for side in sides]


def train(args):
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(1)
    nets = build_discriminators(args)
    optimizers = [torch.optim.Adam(n.parameters(), 2e-4, betas=(0.5, 0.999)) for n in nets]
    criterion = nn.BCEWithLogitsLoss()
    for step in range(2):
        sentence = torch.randn(args.batch_size, args.nef, generator=g)
        losses = []
        for net, optimizer, real, fake in zip(nets, optimizers, pyramid(args, g), pyramid(args, g)):
            score_real, score_fake = net(real, sentence), net(fake, sentence)
            loss = criterion(score_real, torch.ones_like(score_real)) \
                + criterion(score_fake, torch.zeros_like(score_fake))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(f"{loss.item():.3f}")
        print("step", step, "d losses", *losses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-size", type=int, default=64)
    parser.add_argument("--branches", type=int, default=2)
    parser.add_argument("--ndf", type=int, default=8)
    parser.add_argument("--nef", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=3)
    train(parser.parse_args([]))
