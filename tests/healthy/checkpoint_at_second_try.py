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
state = torch.load(train())
if model.load_state_dict(state, strict=False).missing_keys:
    model.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
print(model.eval()(torch.randn(4, 6)).argmax(-1))
