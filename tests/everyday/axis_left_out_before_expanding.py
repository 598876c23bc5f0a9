import torch


def query(hidden, regions):
    return hidden.expand(-1, regions.size(1), -1)


query(torch.randn(4, 32), torch.randn(4, 6, 16))
