"""Unpaired translation of radar maps (domain A) into colour photographs (domain B)."""
import argparse
import itertools

import torch
from torch import nn


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input_nc", type=int, default=1)
    parser.add_argument("--output_nc", type=int, default=3)
    parser.add_argument("--ngf", type=int, default=8)
    parser.add_argument("--lambda_A", type=float, default=10.0)
    parser.add_argument("--lambda_B", type=float, default=10.0)
    parser.add_argument("--lambda_identity", type=float, default=0.0)
    parser.add_argument("--n_steps", type=int, default=3)
    return parser.parse_args([])


class Generator(nn.Module):
    def __init__(self, input_nc, output_nc, ngf):
        super().__init__()
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(input_nc, ngf, 7), nn.InstanceNorm2d(ngf), nn.ReLU(),
            nn.Conv2d(ngf, 2 * ngf, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * ngf), nn.ReLU(),
            nn.ConvTranspose2d(2 * ngf, ngf, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ReflectionPad2d(3), nn.Conv2d(ngf, output_nc, 7), nn.Tanh(),
        )

    def forward(self, x):
        return self.model(x)


class CycleGANModel:
    def __init__(self, opt):
        self.opt = opt
        self.netG_A = Generator(opt.input_nc, opt.output_nc, opt.ngf)
        self.netG_B = Generator(opt.output_nc, opt.input_nc, opt.ngf)
        self.netD_A = nn.Sequential(nn.Conv2d(opt.output_nc, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 1, 1))
        self.netD_B = nn.Sequential(nn.Conv2d(opt.input_nc, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 1, 1))
        self.l1, self.mse = nn.L1Loss(), nn.MSELoss()
        params = itertools.chain(self.netG_A.parameters(), self.netG_B.parameters())
        self.optimizer_G = torch.optim.Adam(params, lr=2e-4, betas=(0.5, 0.999))

    def gan_loss(self, prediction):
        return self.mse(prediction, torch.ones_like(prediction))

    def backward_G(self, real_A, real_B):
        opt, loss_idt = self.opt, 0
        if opt.lambda_identity > 0:
            loss_idt = self.l1(self.netG_A(real_B), real_B) * opt.lambda_B * opt.lambda_identity
            loss_idt = loss_idt + self.l1(self.netG_B(real_A), real_A) * opt.lambda_A * opt.lambda_identity
        fake_B, fake_A = self.netG_A(real_A), self.netG_B(real_B)
        loss_gan = self.gan_loss(self.netD_A(fake_B)) + self.gan_loss(self.netD_B(fake_A))
        cycle_A = self.l1(self.netG_B(fake_B), real_A) * opt.lambda_A
        cycle_B = self.l1(self.netG_A(fake_A), real_B) * opt.lambda_B
        loss = loss_gan + cycle_A + cycle_B + loss_idt
        loss.backward()
        return loss.item()

    def optimize_parameters(self, real_A, real_B):
        self.optimizer_G.zero_grad()
        loss = self.backward_G(real_A, real_B)
        self.optimizer_G.step()
        return loss


if __name__ == "__main__":
    opt = parse()
    torch.manual_seed(0)
    model = CycleGANModel(opt)
    for step in range(opt.n_steps):
        real_A = torch.rand(2, opt.input_nc, 32, 32) * 2 - 1
        real_B = torch.rand(2, opt.output_nc, 32, 32) * 2 - 1
        print(f"step {step} G {model.optimize_parameters(real_A, real_B):.3f}")
