import io

import torch
from torch import nn


def build(classes):
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, classes))


def train_step(model, opt, classes):
    x, y = torch.randn(4, 8), torch.randint(0, classes, (4,))
    opt.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    opt.step()


model = build(5)
opt = torch.optim.Adam(model.parameters())
train_step(model, opt, 5)
buf = io.BytesIO()
torch.save({"model": model.state_dict(), "opt": opt.state_dict()}, buf)
buf.seek(0)
ckpt = torch.load(buf)
model = build(7)
state = {k: v for k, v in ckpt["model"].items() if not k.startswith("2.")}
model.load_state_dict(state, strict=False)
opt = torch.optim.Adam(model.parameters())
opt.load_state_dict(ckpt["opt"])
train_step(model, opt, 7)
