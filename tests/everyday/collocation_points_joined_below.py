"""Physics-informed network for the viscous Burgers equation."""

import math

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, widths=(2, 24, 24, 1)):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, inputs):
        h = inputs
        for layer in self.layers[:-1]:
            h = torch.tanh(layer(h))
        return self.layers[-1](h)


class Burgers:
    def __init__(self, nu=0.01 / math.pi, points=64):
        self.nu, self.points = nu, points

    def boundary(self):
        x = torch.rand(self.points, 1) * 2 - 1
        return torch.cat([x, torch.zeros_like(x)], dim=1), -torch.sin(math.pi * x)

    def collocation(self):
        x = (torch.rand(self.points, 1) * 2 - 1).requires_grad_()
        t = torch.rand(self.points, 1).requires_grad_()
        return x, t, torch.cat([x, t], dim=0)

    def residual(self, net):
        x, t, inputs = self.collocation()
        u = net(inputs)
        grad = lambda y, v: torch.autograd.grad(y, v, torch.ones_like(y), create_graph=True)[0]
        u_x, u_t = grad(u, x), grad(u, t)
        return u_t + u * u_x - self.nu * grad(u_x, x)


def train(net, problem, steps):
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    for step in range(steps):
        inputs, value = problem.boundary()
        loss_b = (net(inputs) - value).pow(2).mean()
        loss_f = problem.residual(net).pow(2).mean()
        opt.zero_grad()
        (loss_b + loss_f).backward()
        opt.step()
        print(step, loss_b.item(), loss_f.item())


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Net(), Burgers(), 3)
