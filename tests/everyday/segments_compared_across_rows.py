import torch


def packed_mask(segments):
    same = segments == segments.unsqueeze(1)
    length = segments.size(1)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return same & causal


packed_mask(torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 1, 2]]))
