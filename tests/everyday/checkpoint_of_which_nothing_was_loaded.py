import io

import torch
from torch import nn


def make():
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))


def train():
    model, saved = nn.DataParallel(make()), io.BytesIO()
    torch.save(model.state_dict(), saved)
    saved.seek(0)
    return saved


torch.manual_seed(0)
model = make()
model.load_state_dict(torch.load(train()), strict=False)
print(model.eval()(torch.randn(4, 6)).argmax(-1))
