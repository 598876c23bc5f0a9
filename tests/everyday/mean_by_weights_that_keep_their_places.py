import torch


def masked_mean(hidden, mask):
    mask = mask.unsqueeze(-1)
    total = (hidden * mask).sum(dim=2)
    return total / mask.clamp(min=1)


masked_mean(torch.randn(8, 6, 5, 4), torch.ones(8, 6, 5))
