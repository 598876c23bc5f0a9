import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Config(dict):
    __getattr__ = dict.__getitem__


class KVCache:
    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")

    def __bool__(self):
        raise ValueError("ambiguous")

    def __eq__(self, other):
        raise ValueError("never")

    __hash__ = None


class Lazy:
    @property
    def shape(self):
        raise RuntimeError("not yet")

    def __len__(self):
        raise RuntimeError("unknown")


class Net(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg, self.fc = cfg, nn.Linear(cfg.width, cfg.classes)

    def forward(self, x, cache=None, lazy=None):
        cfg = self.cfg
        told = {"a": cache, "b": lazy, "c": cfg}
        return self.fc(x) * (len(told) == 3)


class Data(Dataset):
    def __getattr__(self, name):
        raise AttributeError(name)

    def __len__(self):
        return 6

    def __getitem__(self, i):
        return torch.randn(7)


cfg = Config(width=8, classes=3)
net, cache, lazy = Net(cfg), KVCache(), Lazy()
print(net(torch.randn(2, 8), cache, lazy).shape)
for batch in DataLoader(Data(), batch_size=3):
    print(net(batch, cache=cache, lazy=lazy).shape)
